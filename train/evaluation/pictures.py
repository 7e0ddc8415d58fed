"""Clips to look at: a spectrogram over a chromagram for each column."""
import librosa
import librosa.display
import matplotlib
import numpy as np
import soundfile

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import features  # noqa: E402
import prompt_pairs  # noqa: E402


def draw_clip(axes, path, title):
    samples, rate = soundfile.read(path, dtype="float32")
    mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_mels=128, n_fft=2048, hop_length=512)
    librosa.display.specshow(librosa.power_to_db(mel, ref=np.max), sr=rate, hop_length=512,
                             x_axis="time", y_axis="mel", ax=axes[0])
    notes = features.note_levels(samples, rate)
    octaves = notes.reshape(-1, 12, notes.shape[1])
    chroma = np.roll(octaves.sum(0), features.LOWEST_NOTE % 12, axis=0)
    axes[1].imshow(chroma, aspect="auto", origin="lower", cmap="magma",
                   extent=(0, len(samples) / rate, -0.5, 11.5))
    axes[1].set_yticks(range(12), prompt_pairs.TONICS, fontsize=6)
    axes[0].set_title(title, fontsize=8)


def draw(path, prompt, sounds):
    """sounds: column -> audio file."""
    figure, axes = plt.subplots(2, len(sounds), figsize=(5 * len(sounds), 5), squeeze=False)
    for column, (name, sound) in zip(axes.T, sounds.items()):
        draw_clip(column, sound, name)
    figure.suptitle(prompt[:160], fontsize=8, wrap=True)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
