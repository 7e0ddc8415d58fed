"""Unit tests of the pairs of prompts, the gates and the report; numpy only."""
import hashlib
import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "train" / "evaluation"))

import figures  # noqa: E402
import prompt_pairs  # noqa: E402
import report  # noqa: E402
from figures import CODED, GENERATED, Column, Figure, Value  # noqa: E402

LEADS = ["accordion", "piano", "violin"]


class PairsTest(unittest.TestCase):
    def test_prompts_of_a_pair_differ_in_one_attribute_and_say_it(self):
        sentence = {"mode": 1, "tonic": 1, "tempo": 2, "lead": 0, "drums": 3}
        for pair in prompt_pairs.make_pairs(20, LEADS, seed=1):
            first, second = (prompt.split(". ") for prompt in pair.prompts)
            different = [i for i in range(4) if first[i] != second[i]]
            self.assertEqual(different, [sentence[pair.attribute]], pair)

    def test_the_same_seed_draws_the_same_pairs(self):
        self.assertEqual(prompt_pairs.make_pairs(5, LEADS, 3), prompt_pairs.make_pairs(5, LEADS, 3))
        self.assertNotEqual(prompt_pairs.make_pairs(5, LEADS, 3),
                            prompt_pairs.make_pairs(5, LEADS, 4))

    def test_music_that_obeys_follows_and_music_that_does_not_does_not(self):
        for pair in prompt_pairs.make_pairs(10, LEADS, seed=2):
            heard = [self.heard(pair, value) for value in (pair.first, pair.second)]
            analyses, opinions = zip(*heard)
            self.assertTrue(prompt_pairs.follows(pair, analyses, opinions), pair)
            self.assertFalse(prompt_pairs.follows(pair, analyses[::-1], opinions[::-1]), pair)
            # The same clip twice follows nothing.
            self.assertFalse(prompt_pairs.follows(pair, analyses[:1] * 2, opinions[:1] * 2), pair)

    @staticmethod
    def heard(pair, value):
        key = np.full(24, -5.0)
        opinion = {"key": key, "lead": dict.fromkeys(LEADS, -5.0),
                   "drums": {True: -5.0, False: -5.0}}
        if pair.attribute == "tempo":
            return {"bpm": 2 * value}, opinion  # an octave off is no fault
        opinion["key" if pair.attribute in ("mode", "tonic") else pair.attribute][value] = -0.1
        return {"bpm": 100.0}, opinion


class GatesTest(unittest.TestCase):
    def test_rates_are_held_against_per_cent(self):
        figure = Figure("key", "%", {GENERATED: figures.rate([True] * 6 + [False] * 4)}, 60, 65)
        self.assertTrue(figure.reaches(figure.must))
        self.assertFalse(figure.reaches(figure.aim))
        self.assertTrue(report.every_must_is_met([figure]))

    def test_of_a_difference_less_is_better_and_the_codec_column_counts(self):
        figure = Figure("mel", "", {CODED: Value(0.31, 0.3, 0.32, 9)}, 0.30, 0.22, CODED,
                        smaller_is_better=True)
        self.assertFalse(figure.reaches(figure.must))
        self.assertFalse(report.every_must_is_met([figure]))

    def test_what_was_not_measured_meets_and_misses_nothing(self):
        figure = Figure("key", "%", {CODED: figures.rate([False])}, 60, 65)
        self.assertIsNone(figure.reaches(figure.must))

    def test_shuffled_prompts_of_music_that_obeys_are_at_chance(self):
        class Asked:
            def __init__(self, i):
                self.song, self.key, self.bpm, self.lead = i // 2, i // 2 % 24, 60 + i // 2, "piano"
        clips = [Asked(i) for i in range(200)]
        opinions = [{"key": np.eye(24)[clip.key], "lead": {"piano": 0.0}} for clip in clips]
        analyses = [{"key": clip.key, "bpm": clip.bpm} for clip in clips]
        found = figures.shuffled_figures(Column(clips, analyses, opinions), seed=1, draws=50)
        key = found[0]
        self.assertAlmostEqual(key.chance, 1 / 24, delta=0.015)
        self.assertTrue(key.is_chance())
        # What is right whatever the prompt shows that the prompt decides nothing.
        self.assertEqual(found[-1].columns[GENERATED].value, 1)


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.figures = [Figure("key right", "%", {GENERATED: figures.rate([True, False])}, 60, 85)]
        self.setting = {"prompts": 2, "seed": 1, "options": ["--clips", "2"]}

    def test_every_form_tells_a_missed_gate(self):
        self.assertIn("60 MISSED", report.as_text(self.figures))
        self.assertIn("| 60 MISSED |", report.as_markdown(self.figures, self.setting))
        # Figures of fewer clips than the gates ask for say so.
        self.assertIn("evaluate.py --clips 2`", report.as_markdown(self.figures, self.setting))
        entry = json.loads(report.as_json(self.figures, self.setting))["figures"][0]
        self.assertEqual(entry["met"], {"must": False, "aim": False, "chance": None})
        self.assertEqual(entry["columns"][GENERATED]["value"], 0.5)

    def test_only_the_part_between_the_marks_of_a_card_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            card = pathlib.Path(folder) / "README.md"
            card.write_text("# Model\n")
            report.put_into_card(card, "old\n")
            card.write_text(card.read_text() + "\nLimits\n")
            report.put_into_card(card, "new\n")
            self.assertEqual(card.read_text(),
                             f"# Model\n\n{report.BEGIN}\nnew\n{report.END}\n\nLimits\n")

    def test_a_bundle_whose_card_got_its_figures_still_opens(self):
        with tempfile.TemporaryDirectory() as folder:
            card = pathlib.Path(folder) / "README.md"
            sums = pathlib.Path(folder) / "SHA256SUMS"
            sums.write_text("aa  config.json\nbb  README.md\n")
            report.put_into_card(card, "new\n")
            digest = hashlib.sha256(card.read_bytes()).hexdigest()
            self.assertEqual(sums.read_text(), f"aa  config.json\n{digest}  README.md\n")


if __name__ == "__main__":
    unittest.main()
