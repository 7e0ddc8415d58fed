"""What the probes see of a clip: two vectors of numbers, one of harmony and one of timbre."""
import functools

import librosa
import numpy as np
import scipy.ndimage

VERSION = 1  # of the numbers below: a new one empties the cache
LOWEST_NOTE, NUM_NOTES = 28, 72  # MIDI; a multiple of 12
NUM_CHROMA_ROWS = 7
NUM_BANDS = 80


@functools.cache
def note_filters(rate, fft_length):
    """Triangles of a semitone about each note: [NUM_NOTES, fft_length // 2 + 1]."""
    hz = np.arange(1, fft_length // 2 + 1) * rate / fft_length
    notes = np.concatenate([[-99.0], 69 + 12 * np.log2(hz / 440)])
    centers = LOWEST_NOTE + np.arange(NUM_NOTES)
    return np.maximum(0, 1 - np.abs(notes[None] - centers[:, None]) / 0.7).astype(np.float32)


def fold(notes):
    """[NUM_NOTES] -> [12] from C up, of unit sum."""
    chroma = np.roll(notes.reshape(-1, 12).sum(0), LOWEST_NOTE % 12)
    return chroma / (chroma.sum() + 1e-9)


def note_levels(samples, rate):
    """How loud each note sounds, 16 times a second: [NUM_NOTES, frames]."""
    fft_length = 16384 * rate // 32000
    spectrum = np.abs(librosa.stft(samples, n_fft=fft_length, hop_length=rate // 16))
    notes = note_filters(rate, fft_length) @ spectrum
    notes = scipy.ndimage.median_filter(notes, size=(1, 5))  # strokes of drums fade
    return np.log1p(50 * notes / (notes.max() + 1e-9))


def harmony(samples, rate):
    """Chroma of parts of the clip and of its registers: [NUM_CHROMA_ROWS * 12].

    A piece's home is told by all notes together and by where phrases begin and end.
    """
    notes = note_levels(samples, rate)
    eighth = notes.shape[1] // 8
    low = (np.arange(NUM_NOTES) < 52 - LOWEST_NOTE)[:, None]
    middle = ~low & (np.arange(NUM_NOTES) < 72 - LOWEST_NOTE)[:, None]
    first, last = notes[:, :eighth], notes[:, -eighth:]
    parts = [notes, low * notes, middle * notes, first, low * first, last, low * last]
    return np.concatenate([fold(part.mean(1)) for part in parts])


def timbre(samples, rate):
    """Statistics of the mel spectrum over time: of all, of what lasts and of what strikes."""
    spectrum = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512))
    power = librosa.feature.melspectrogram(S=spectrum**2, sr=rate, n_mels=NUM_BANDS, fmin=30)
    lasting = scipy.ndimage.median_filter(power, size=(1, 17))
    striking = scipy.ndimage.median_filter(power, size=(17, 1))
    columns = []
    for part in (power, lasting, striking):
        level = librosa.power_to_db(part + 1e-9, top_db=None)
        coefficients = librosa.feature.mfcc(S=level, n_mfcc=24)
        columns += [coefficients.mean(1), coefficients.std(1), np.diff(coefficients).std(1)]
        columns += list(np.percentile(level, [10, 50, 90], axis=1))
        columns.append(np.abs(np.diff(level)).mean(1))
    contrast = librosa.feature.spectral_contrast(S=spectrum, sr=rate)
    return np.concatenate([*columns, contrast.mean(1), contrast.std(1)])
