"""Unit tests of the evaluation's own measures; numpy only."""
import pathlib
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "train" / "evaluation"))

import measures  # noqa: E402

RATE = 32000


def tone(hz, seconds=0.5, level=0.5):
    return level * np.sin(2 * np.pi * hz * np.arange(int(RATE * seconds)) / RATE)


class NearnessTest(unittest.TestCase):
    def test_si_sdr_is_the_ratio_of_orthogonal_parts(self):
        # 20 dB below the signal, whatever the scale: a wrong one misstates the codec.
        wave, noise = tone(500), tone(1000, level=0.05)
        for scale in (0.1, 1, -3):
            self.assertAlmostEqual(measures.si_sdr(scale * (wave + noise), wave), 20, places=3)

    def test_si_sdr_sees_phase(self):
        quarter = 0.5 * np.cos(2 * np.pi * 500 * np.arange(RATE // 2) / RATE)
        self.assertLess(measures.si_sdr(quarter, tone(500)), -60)

    def test_log_mel_difference_of_a_louder_copy_is_the_log_of_its_gain(self):
        # Noise is above the floor in every band that has a bin.
        noise = np.random.default_rng(0).normal(0, 0.1, RATE)
        filled = [np.mean(measures.mel_bands(RATE, w).sum(1) > 0) for w in measures.WINDOWS]
        found = measures.log_mel_difference(noise * 10, noise, RATE)
        self.assertAlmostEqual(found, np.mean(filled), places=3)
        self.assertEqual(measures.log_mel_difference(noise, noise, RATE), 0)

    def test_log_mel_difference_stops_at_the_floor(self):
        quiet = np.random.default_rng(0).normal(0, 1e-9, RATE)
        self.assertEqual(measures.log_mel_difference(quiet, np.zeros(RATE), RATE), 0)

    def test_mel_bands_have_unit_area_and_rise(self):
        bands = measures.mel_bands(RATE, 65536)
        np.testing.assert_allclose(bands.sum(1) * RATE / 65536, 1, atol=0.01)
        peaks = bands.argmax(1) * RATE / 65536
        self.assertTrue(np.all(np.diff(peaks) > 0))
        # Slaney's scale: linear up to 1 kHz.
        low = peaks[peaks < 1000]
        np.testing.assert_allclose(np.diff(low), low[1] - low[0], atol=1)

    def test_codebook_use_counts_each_codebook_by_itself(self):
        codes = np.array([[0, 1, 2, 3], [5, 5, 5, 5]])
        self.assertEqual(measures.codebook_use(codes, 8), [0.5, 0.125])


class MusicTest(unittest.TestCase):
    def test_tempo_is_right_within_four_percent_of_any_octave(self):
        for found in (100, 50, 200, 400, 103.9, 96.1, 51.9):
            self.assertTrue(measures.tempo_matches(found, 100), found)
        # Neither near nor an octave; 150 and 67 are the usual wrong metrical level.
        for found in (104.5, 95.5, 150, 66.7, 0):
            self.assertFalse(measures.tempo_matches(found, 100), found)

    def test_tempo_error_takes_octaves_off(self):
        self.assertAlmostEqual(measures.tempo_error(220, 110), 0)
        self.assertAlmostEqual(measures.tempo_error(110 * 2**0.25, 55), 0.25)

    def test_a_tempo_on_an_edge_is_in_the_upper_bin(self):
        self.assertEqual([measures.tempo_bin(b) for b in (39.9, 40, 59.9, 60, 109, 110, 160, 210)],
                         [-1, 0, 0, 1, 3, 4, 6, 7])

    def test_pitch_classes(self):
        names = ["C", "C#", "Db", "Eb", "F#", "Gb", "B", "Cb", "Bb", "A#"]
        self.assertEqual([measures.pitch_class(n) for n in names],
                         [0, 1, 1, 3, 6, 6, 11, 11, 10, 10])


class FaultsTest(unittest.TestCase):
    def test_a_jump_in_a_smooth_wave_is_a_click(self):
        wave = tone(220)
        self.assertEqual(measures.count_clicks(wave), 0)
        wave[5000:] += 0.4
        wave[9000] += 0.5
        self.assertEqual(measures.count_clicks(wave), 2)

    def test_a_stroke_is_no_click(self):
        # Noise that begins at once, as a snare drum does.
        stroke = np.zeros(RATE)
        stroke[1000:] = np.random.default_rng(0).normal(0, 0.3, RATE - 1000)
        stroke[1000:] *= np.exp(-np.arange(RATE - 1000) / 2000)
        self.assertEqual(measures.count_clicks(stroke), 0)

    def test_silence_inside_a_clip_is_a_drop_out(self):
        wave = tone(220, seconds=2)
        self.assertEqual(measures.count_dropouts(wave, RATE), 0)
        wave[:3000] = wave[-3000:] = 0  # its ends may be silent
        self.assertEqual(measures.count_dropouts(wave, RATE), 0)
        wave[20000:22000] = wave[40000:45000] = 0
        self.assertEqual(measures.count_dropouts(wave, RATE), 2)
        self.assertEqual(measures.count_dropouts(np.zeros(RATE), RATE), 1)


class StatisticsTest(unittest.TestCase):
    def test_wilson_interval(self):
        # 8 of 10: 0.490 to 0.943, as in the tables.
        low, high = measures.wilson_interval(8, 10)
        self.assertAlmostEqual(low, 0.490, places=3)
        self.assertAlmostEqual(high, 0.943, places=3)
        for count in (6, 20):
            self.assertEqual(measures.wilson_interval(0, count)[0], 0)
            self.assertEqual(measures.wilson_interval(count, count)[1], 1)
        self.assertEqual(measures.wilson_interval(0, 0), (0, 1))

    def test_bootstrap_widens_where_members_of_a_group_are_alike(self):
        values = np.repeat([0.0, 1.0] * 10, 10)
        alone = measures.bootstrap_interval(values, np.arange(200))
        grouped = measures.bootstrap_interval(values, np.repeat(np.arange(20), 10))
        self.assertGreater(grouped[1] - grouped[0], 2 * (alone[1] - alone[0]))
        self.assertTrue(grouped[0] < 0.5 < grouped[1])
        self.assertEqual(grouped, measures.bootstrap_interval(values, np.repeat(np.arange(20), 10)))

    def test_shuffling_gives_nobody_a_clip_of_the_same_song(self):
        songs = np.repeat(np.arange(30), 3)
        for seed in range(5):
            order = measures.shuffled_away(songs, np.random.default_rng(seed))
            self.assertEqual(sorted(order), list(range(90)))
            self.assertFalse(np.any(songs[order] == songs))


if __name__ == "__main__":
    unittest.main()
