"""The measures that need no one's tools: numbers in, numbers out. numpy only."""
import math

import numpy as np

WINDOWS = (128, 256, 512, 1024, 2048)
TEMPO_EDGES = (40, 60, 70, 90, 110, 140, 160, 210)


# How near a reconstruction is.


def si_sdr(wave, reference):
    """Scale-invariant ratio of signal to distortion in dB; means are not removed."""
    wave, reference = np.asarray(wave, np.float64), np.asarray(reference, np.float64)
    signal = reference * (wave @ reference) / (reference @ reference + 1e-12)
    return 10 * math.log10((signal @ signal + 1e-12) / (np.sum((wave - signal) ** 2) + 1e-12))


def mel_bands(rate, window, num_bands=64):
    """Triangles of unit area, equally spaced on Slaney's scale: [num_bands, window // 2 + 1]."""
    break_hz, step = 1000, math.log(6.4) / 27
    break_mel = break_hz * 3 / 200
    highest = rate / 2 * 3 / 200
    if rate / 2 > break_hz:
        highest = break_mel + math.log(rate / 2 / break_hz) / step
    mels = np.linspace(0, highest, num_bands + 2)
    edges = np.where(mels < break_mel, mels * 200 / 3,
                     break_hz * np.exp(step * (mels - break_mel)))[:, None]
    hz = np.arange(window // 2 + 1) * rate / window
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (hz - left) / (center - left), (right - hz) / (right - center)
    return np.maximum(0, np.minimum(rise, fall)) * 2 / (right - left)


def log_mel(wave, rate, window, floor=1e-5):
    """log10 of the mel bands of the magnitude spectrum, a quarter window apart: [bands, frames]."""
    padded = np.pad(np.asarray(wave, np.float32), window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames * hann, axis=1)).astype(np.float32)
    bands = mel_bands(rate, window).astype(np.float32)
    return np.log10(np.maximum(bands @ magnitude.T, floor))


def log_mel_difference(wave, reference, rate):
    """Mean absolute difference of log10 mel spectra; mean over the windows."""
    differences = [log_mel(wave, rate, window) - log_mel(reference, rate, window)
                   for window in WINDOWS]
    return float(np.mean([np.abs(difference).mean() for difference in differences]))


def codebook_use(codes, codebook_size):
    """codes [K, T] -> the share of each codebook's entries that occur: [K]."""
    return [len(np.unique(row)) / codebook_size for row in codes]


# Music.


def tempo_error(found, wanted):
    """Octaves from `wanted` to `found` with whole octaves taken off: 0 to 0.5."""
    if found <= 0 or wanted <= 0:
        return 0.5
    octaves = math.log2(found / wanted)
    return abs(octaves - round(octaves))


def tempo_matches(found, wanted, tolerance=0.04):
    """Whether a tempo is right within 4 %, twice or half (and so on) allowed."""
    if found <= 0 or wanted <= 0:
        return False
    octave = round(math.log2(found / wanted))
    return abs(found / 2**octave / wanted - 1) <= tolerance


def tempo_bin(bpm):
    """0 to 6 by TEMPO_EDGES, a lower edge inside; -1 and 7 outside."""
    return int(np.searchsorted(TEMPO_EDGES, bpm, side="right")) - 1


def pitch_class(name):
    """C: 0 ... B: 11; any number of # and b."""
    steps = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[name[0].upper()]
    return (steps + name.count("#") - name[1:].count("b")) % 12


# Faults of sound.


def count_clicks(samples, least_jump=0.1, times=12, reach=48):
    """Jumps between neighbours far greater than all others within `reach` samples."""
    jumps = np.abs(np.diff(np.asarray(samples, np.float64)))
    clicks, last = 0, -reach
    for i in np.flatnonzero(jumps > least_jump):
        before, after = jumps[max(0, i - reach) : max(0, i - 2)], jumps[i + 3 : i + reach]
        around = np.concatenate([before, after])
        # A stroke begins loud and stays so: both sides of a click are quiet.
        if i - last >= reach and len(around) and jumps[i] > times * np.sqrt(np.mean(around**2)):
            clicks, last = clicks + 1, i
    return clicks


def count_dropouts(samples, rate, level=1e-3, shortest_s=0.02):
    """Silences inside a clip: stretches of windows under -60 dB, not at its ends."""
    window = int(rate * shortest_s)
    whole = np.asarray(samples, np.float64)[: len(samples) // window * window].reshape(-1, window)
    quiet = np.sqrt(np.mean(whole**2, axis=1)) < level
    loud = np.flatnonzero(~quiet)
    if len(loud) == 0:
        return 1
    inside = quiet[loud[0] : loud[-1]]
    return int(np.sum(inside[1:] & ~inside[:-1]))


# Statistics.


def wilson_interval(hits, count, z=1.96):
    """95 % interval of a rate."""
    if count == 0:
        return 0.0, 1.0
    rate, spread = hits / count, z * z / count
    center = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / count + spread / count / 4)
    # Rounding must not keep the ends of the range out.
    return (0.0 if hits == 0 else center - half), (1.0 if hits == count else center + half)


def bootstrap_interval(values, groups, seed=0, draws=2000):
    """95 % interval of a mean; groups (songs) are drawn, since their members are alike."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(index, weights=np.asarray(values, np.float64))
    sizes = np.bincount(index)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    return tuple(float(v) for v in np.percentile(means, [2.5, 97.5]))


def shuffled_away(groups, rng):
    """A permutation that gives no member another of its own group, where there is one."""
    groups = np.asarray(groups)
    order = rng.permutation(len(groups))
    for _ in range(1000):
        stuck = np.flatnonzero(groups[order] == groups)
        if len(stuck) == 0:
            break
        for i in stuck:
            j = rng.integers(len(groups))
            order[i], order[j] = order[j], order[i]
    return order
