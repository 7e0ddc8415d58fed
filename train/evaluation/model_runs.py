"""What a bundle makes, by the program magnet-model: reconstructions and generated clips.

Results are kept by content, so that a run that was cut off, and a rerun, cost little.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess

import numpy as np

import analysis

CLIPS_A_CALL = 20  # what is lost at most when a run is cut off
CODEC_FILES = ("codec.safetensors",)
BUNDLE_FILES = ("config.json", "codec.safetensors", "lm.safetensors", "text_encoder.safetensors",
                "spiece.model")


def digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def read_codes(path):
    """The tensor `codes` of a safetensors file: [K, T]."""
    data = path.read_bytes()
    header_length = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8 : 8 + header_length])["codes"]
    if entry["dtype"] != "I64":
        raise ValueError(f"{path}: expected codes of I64, found {entry['dtype']}")
    first, last = (8 + header_length + offset for offset in entry["data_offsets"])
    return np.frombuffer(data[first:last], "<i8").reshape(entry["shape"])


class Bundle:
    def __init__(self, folder, program, cache, workers=1, precision="auto"):
        self.folder, self.program, self.cache = pathlib.Path(folder), program, cache
        self.workers, self.precision = workers, precision
        self.config = json.loads((self.folder / "config.json").read_text())
        codec_config = json.dumps(self.config["codec"], sort_keys=True)
        self.codec_id = digest(codec_config, *self._hashes(CODEC_FILES))
        self.id = digest(*self._hashes(BUNDLE_FILES))

    def _hashes(self, names):
        return [analysis.content_hash(self.folder / name) for name in names]

    def _run(self, *arguments):
        command = [self.program, *map(str, arguments), "--model", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr.strip()}")

    def encode(self, path, codes):
        """Writes what read_codes() reads."""
        self._run("encode", path, "--save-codes", codes)

    def reconstruct(self, path):
        """-> (audio file, codes file): the clip through the codec."""
        stem = self.cache / "reconstructions" / digest(self.codec_id, analysis.content_hash(path))
        codes = stem.with_suffix(".safetensors")  # of any precision: encoding has one
        audio = stem.with_suffix(f".{self.precision}.wav")
        stem.parent.mkdir(parents=True, exist_ok=True)
        if not codes.exists():
            unfinished = stem.with_suffix(".part.safetensors")
            self.encode(path, unfinished)
            unfinished.rename(codes)
        if not audio.exists():
            unfinished = stem.with_suffix(f".{self.precision}.part.wav")
            self._run("decode", codes, "--output", unfinished, "--precision", self.precision)
            unfinished.rename(audio)
        return audio, codes

    def reconstruct_all(self, paths, progress):
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            return [result for result in progress(pool.map(self.reconstruct, paths), len(paths))]

    def generate(self, prompts, seed, progress):
        """-> [(audio file, codes file)]; prompt i has the seed `seed` + i, all else by default."""
        starts = range(0, len(prompts), CLIPS_A_CALL)
        calls = ((prompts[i : i + CLIPS_A_CALL], seed + i) for i in starts)
        results = []
        for made in progress((self._generate_some(*call) for call in calls), len(starts)):
            results += made
        return results

    def _generate_some(self, prompts, seed):
        folder = self.cache / "generated" / digest(self.id, self.precision, seed, *prompts)
        if not folder.exists():
            unfinished = folder.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            (unfinished / "prompts.txt").write_text("".join(p + "\n" for p in prompts))
            self._run("generate", "--prompts", unfinished / "prompts.txt", "--seed", seed,
                      "--output", unfinished, "--save-codes", unfinished, "--threads", self.workers,
                      "--precision", self.precision, "--quiet")
            unfinished.rename(folder)
        stems = [folder / f"{i + 1:03d}" for i in range(len(prompts))]
        return [(stem.with_suffix(".wav"), stem.with_suffix(".safetensors")) for stem in stems]
