"""The table of figures: what is measured, its gates, and its value in each column."""
import dataclasses

import numpy as np

import measures
import prompt_pairs

REAL, CODED, GENERATED = "real", "reconstructed", "generated"
COLUMNS = (REAL, CODED, GENERATED)


@dataclasses.dataclass
class Value:
    value: float
    low: float  # of the 95 % interval
    high: float
    count: int


@dataclasses.dataclass
class Figure:
    name: str
    unit: str  # "%" of rates, else as it is
    columns: dict  # column -> Value
    must: float | None = None  # in per cent of rates
    aim: float | None = None
    gated: str = GENERATED  # the column that the gates look at
    smaller_is_better: bool = False
    chance: float | None = None  # what the interval must hold, in the place of a gate
    note: str = ""

    def reaches(self, gate):
        """gate: self.must or self.aim. None where it is none or nothing is measured."""
        found = self.columns.get(self.gated)
        if gate is None or found is None:
            return None
        limit = gate / 100 if self.unit == "%" else gate
        return found.value <= limit if self.smaller_is_better else found.value >= limit

    def is_chance(self):
        """None where that is not asked."""
        found = self.columns.get(self.gated)
        return None if self.chance is None or not found else found.low <= self.chance <= found.high


@dataclasses.dataclass
class Column:
    """The clips of one column, in one order with the facts that they should show."""
    clips: list  # what was asked for, or what is true
    analyses: list
    opinions: list


def rate(hits):
    hits = np.asarray(list(hits), bool)
    low, high = measures.wilson_interval(int(hits.sum()), len(hits))
    return Value(float(hits.mean()) if len(hits) else float("nan"), low, high, len(hits))


def mean(values, songs):
    low, high = measures.bootstrap_interval(values, songs)
    return Value(float(np.mean(values)), low, high, len(values))


def best(likely):
    """The label that an opinion holds most likely."""
    return max(likely, key=likely.get) if isinstance(likely, dict) else int(np.argmax(likely))


# What is right of one clip. `asked` is the clip whose facts count.

CHECKS = {
    "key_detector": lambda asked, a, o: a["key"] == asked.key,
    "key_probe": lambda asked, a, o: best(o["key"]) == asked.key,
    "mode_probe": lambda asked, a, o: best(o["key"]) // 12 == asked.key // 12,
    "tempo": lambda asked, a, o: measures.tempo_matches(a["bpm"], asked.bpm),
    "tempo_bin": lambda asked, a, o: (measures.tempo_bin(a["bpm"])
                                      == measures.tempo_bin(asked.bpm)),
    "lead_probe": lambda asked, a, o: best(o["lead"]) == asked.lead,
    "drums_probe": lambda asked, a, o: best(o["drums"]) == asked.drums,
}


def right(check, column, asked=None):
    return [CHECKS[check](*one)
            for one in zip(asked or column.clips, column.analyses, column.opinions)]


def music_figures(columns):
    """columns: name -> Column."""
    def rates(check, wanted=lambda clip: True):
        found = {}
        for name, column in columns.items():
            hits = [hit for hit, clip in zip(right(check, column), column.clips) if wanted(clip)]
            if hits:
                found[name] = rate(hits)
        return found

    return [
        Figure("key right (Essentia KeyExtractor)", "%", rates("key_detector"), 40, 65),
        Figure("key right (probe)", "%", rates("key_probe"), 60, 85),
        Figure("mode right (probe)", "%", rates("mode_probe")),
        Figure("tempo within 4 %, octaves allowed", "%",
               rates("tempo", lambda clip: clip.names_bpm), 75, 90,
               note="where the prompt names the tempo as a number"),
        Figure("the same, all prompts", "%", rates("tempo"),
               note="also those that name it by a word, which says no more than its bin"),
        Figure("tempo bin right", "%", rates("tempo_bin"), 45, 65,
               note="edges " + ", ".join(map(str, measures.TEMPO_EDGES)) + " bpm"),
        Figure("lead instrument right (probe)", "%", rates("lead_probe"), 60, 88),
        Figure("drums or none right (probe)", "%", rates("drums_probe")),
    ]


def shuffled_figures(column, seed, draws=200):
    """Right by the facts of another song's prompt: what a model that heeds no prompt would reach.

    Chance is the mean over many shuffles; one shuffle must hold it in its 99 % interval.
    """
    figures = []
    songs = [clip.song for clip in column.clips]
    names = {"key_detector": "key (Essentia)", "key_probe": "key (probe)", "tempo": "tempo",
             "tempo_bin": "tempo bin", "lead_probe": "lead instrument (probe)"}
    for check, name in names.items():
        rng = np.random.default_rng(seed)
        hits = []
        for _ in range(draws + 1):
            order = measures.shuffled_away(songs, rng)
            hits.append(sum(right(check, column, [column.clips[i] for i in order])))
        low, high = measures.wilson_interval(hits[0], len(songs), z=2.576)
        figures.append(Figure(f"shuffled prompts: {name}", "%", {
            GENERATED: Value(hits[0] / len(songs), low, high, len(songs))},
            chance=float(np.mean(hits[1:])) / len(songs), note="interval of 99 %"))
    return figures


def pair_figures(pairs, analyses, opinions, clips, columns, seed):
    """pairs with their generated clips' (first, second) analyses and opinions, if there are any;
    test clips that differ likewise stand for them in the other columns."""
    hits = {column: {} for column in COLUMNS}
    for pair, found, likely in zip(pairs, analyses, opinions):
        hits[GENERATED].setdefault(pair.attribute, []).append(
            prompt_pairs.follows(pair, found, likely))
    chosen = prompt_pairs.pairs_of_clips(pairs, clips, seed)
    for name in columns:
        if name == GENERATED:
            continue
        for pair, i, j in chosen:
            of = columns[name]
            hits[name].setdefault(pair.attribute, []).append(prompt_pairs.follows(
                pair, (of.analyses[i], of.analyses[j]), (of.opinions[i], of.opinions[j])))
    everything = {name: rate(sum(by.values(), [])) for name, by in hits.items() if by}
    figures = [Figure("pairs of prompts: the music follows", "%", everything, 80, 95,
                      note="two prompts that differ in one attribute; 50 % is chance; for real "
                           "music, pairs of test clips, which differ in more")]
    for attribute in prompt_pairs.ATTRIBUTES:
        values = {name: rate(by[attribute]) for name, by in hits.items() if attribute in by}
        figures.append(Figure(f"pairs that differ in {attribute}", "%", values))
    return figures


def codec_figures(clips, distances, decibels, uses):
    """distances, decibels: of each clip; uses: column -> the shares of each codebook."""
    songs = [clip.song for clip in clips]
    figures = [
        Figure("codec: difference of log10 mel", "", {CODED: mean(distances, songs)}, 0.30, 0.22,
               CODED, smaller_is_better=True),
        Figure("codec: SI-SDR", "dB", {CODED: mean(decibels, songs)}, 5, 8, CODED),
    ]
    for k in range(len(next(iter(uses.values()), []))):
        values = {name: Value(use[k], float("nan"), float("nan"), 1) for name, use in uses.items()}
        figures.append(Figure(f"codebook {k + 1}: entries in use", "%", values, 85, 95, CODED))
    return figures


def sound_figures(columns):
    def means(name):
        return {key: mean([a[name] for a in column.analyses], [c.song for c in column.clips])
                for key, column in columns.items()}

    level = {name: rate(-20 <= a["lufs"] <= -14 for a in column.analyses)
             for name, column in columns.items()}
    return [Figure("level", "LUFS", means("lufs")),
            Figure("level between -20 and -14 LUFS", "%", level),
            Figure("clicks a clip", "", means("clicks"), smaller_is_better=True),
            Figure("drop-outs a clip", "", means("dropouts"), smaller_is_better=True)]
