"""All that is measured on one clip by itself, once for each content."""
import hashlib
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process a clip, not one thread an operation

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

import features  # noqa: E402
import measures  # noqa: E402

VERSION = 1  # of what analyse() returns: a new one empties the cache
ESSENTIA_RATE = 44100
KEYS = [(tonic, mode) for mode in ("major", "minor") for tonic in range(12)]


def content_hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def detect_key_and_tempo(samples, rate):
    """Essentia's opinion: (index into KEYS, bpm)."""
    import essentia
    essentia.log.infoActive = essentia.log.warningActive = False
    import essentia.standard as es
    resampled = es.Resample(inputSampleRate=rate, outputSampleRate=ESSENTIA_RATE)(samples)
    tonic, mode, _ = es.KeyExtractor()(resampled)
    bpm = es.RhythmExtractor2013(method="multifeature")(resampled)[0]
    return KEYS.index((measures.pitch_class(tonic), mode)), float(bpm)


def loudness(samples, rate):
    """Integrated loudness in LUFS (BS.1770)."""
    import pyloudnorm
    return float(pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64)))


def measure(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = np.ascontiguousarray(samples.mean(1))
    if not np.abs(samples).max() > 1e-6:
        # Silence has no key; give the detectors what has none either.
        noise = np.random.default_rng(0).normal(0, 1e-5, len(samples))
        samples = samples + noise.astype(np.float32)
    key, bpm = detect_key_and_tempo(samples, rate)
    return {
        "key": key,
        "bpm": bpm,
        "lufs": loudness(samples, rate),
        "clicks": measures.count_clicks(samples),
        "dropouts": measures.count_dropouts(samples, rate),
        "harmony": features.harmony(samples, rate),
        "timbre": features.timbre(samples, rate),
    }


def analyse(path, cache):
    """measure(path), from the folder `cache` where it has been done."""
    kept = cache / f"{content_hash(path)}-{VERSION}-{features.VERSION}.npz"
    if kept.exists():
        with np.load(kept) as file:
            return {name: file[name] if file[name].ndim else file[name].item()
                    for name in file.files}
    result = measure(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}.tmp")
    with open(unfinished, "wb") as file:
        np.savez(file, **result)
    unfinished.rename(kept)
    return result
