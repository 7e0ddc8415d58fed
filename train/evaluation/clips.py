"""The rows of a composed data set and what is true of them."""
import dataclasses
import json
import pathlib
import re

import numpy as np

import measures


@dataclasses.dataclass(frozen=True)
class Clip:
    path: pathlib.Path
    song: str  # clips of a song share key, tempo and instruments
    prompt: str
    key: int  # as analysis.KEYS
    bpm: float
    named_bpm: float  # as captions call it, within 3 %
    lead: str
    drums: bool

    @property
    def names_bpm(self):
        """Whether the prompt says the tempo as a number, not only as a word."""
        return re.search(rf"\b{self.named_bpm:g}\b", self.prompt) is not None


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_clips(folder, split):
    """`split`: train, test_A or test_B. Rows whose audio is missing are left out."""
    truth = {row["location"]: row for row in read_lines(folder / f"truth_{split}.jsonl")}
    clips = []
    for row in read_lines(folder / f"MusicBench_{split}.json"):
        path, facts = folder / row["location"], truth[row["location"]]
        if not path.exists():
            continue
        tonic, mode = facts["key"]
        clips.append(Clip(
            path=path,
            song=row["location"].rsplit("-", 1)[0],
            prompt=" ".join(row["main_caption"].split()),
            key=measures.pitch_class(tonic) + (12 if mode == "minor" else 0),
            bpm=float(facts["bpm"]),
            named_bpm=float(facts.get("named_bpm", facts["bpm"])),
            lead=facts["lead"],
            drums=facts["drums"] != "none"))
    return clips


def pick(clips, count, seed):
    """`count` of them, drawn by the seed; song by song, so that many songs are heard."""
    rng = np.random.default_rng(seed)
    drawn, rounds = [clips[i] for i in rng.permutation(len(clips))], {}
    turn = []
    for clip in drawn:
        rounds[clip.song] = rounds.get(clip.song, -1) + 1
        turn.append(rounds[clip.song])
    order = np.argsort(turn, kind="stable")
    return [drawn[i] for i in order[:count]]


def composed_with_seed(folder):
    return json.loads((folder / "composed.json").read_text())["seed"]
