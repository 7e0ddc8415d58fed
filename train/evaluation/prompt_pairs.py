"""Pairs of prompts that differ in one attribute, and whether music follows the difference.

A pair has a score of how much more a clip is like the first prompt than like the second, by that
attribute alone. The music follows where the first prompt's clip has the higher score. Music that
heeds no prompt follows in half of the pairs.
"""
import dataclasses

import numpy as np

import measures

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
ATTRIBUTES = ("mode", "tonic", "tempo", "lead", "drums")
STYLES = ("folk", "pop", "film score")  # of many tempos, with and without drums
TEMPLATE = ("This is {style} music played by {article} {lead}. The key is {key}. "
            "The tempo is {bpm:.0f} bpm. {drums}")


@dataclasses.dataclass(frozen=True)
class Pair:
    attribute: str
    first: object  # the attribute's two values: keys, bpm, labels
    second: object
    prompts: tuple = ("", "")


def key_name(key):
    return f"{TONICS[key % 12]} {'minor' if key >= 12 else 'major'}"


def words(style, lead, key, bpm, drums):
    return TEMPLATE.format(
        style=style, lead=lead, key=key_name(key), bpm=bpm,
        article="an" if lead[0] in "aeiou" else "a",
        drums="It has drums." if drums else "There are no drums.")


def other_value(attribute, facts, leads, rng):
    """A second value, plainly another one."""
    if attribute == "mode":
        return (facts["key"] + 12) % 24
    if attribute == "tonic":
        return facts["key"] // 12 * 12 + (facts["key"] + int(rng.integers(1, 12))) % 12
    if attribute == "tempo":
        return float(round(facts["bpm"] * rng.uniform(1.3, 1.42)))  # far from halves and thirds
    if attribute == "lead":
        return str(rng.choice([lead for lead in leads if lead != facts["lead"]]))
    return not facts["drums"]


def make_pairs(count, leads, seed):
    """`count` pairs for each attribute; the same ones for the same seed."""
    pairs = []
    for index, attribute in enumerate(ATTRIBUTES):
        rng = np.random.default_rng([seed, index])
        for _ in range(count):
            facts = {"style": str(rng.choice(STYLES)), "lead": str(rng.choice(leads)),
                     "key": int(rng.integers(24)), "drums": bool(rng.integers(2)),
                     "bpm": float(rng.integers(76, 98) if attribute == "tempo"
                                  else rng.integers(80, 136))}
            field = {"mode": "key", "tonic": "key", "tempo": "bpm"}.get(attribute, attribute)
            changed = {**facts, field: other_value(attribute, facts, leads, rng)}
            pairs.append(Pair(attribute, facts[field], changed[field],
                              (words(**facts), words(**changed))))
    return pairs


def score(pair, analysis, opinion):
    if pair.attribute == "tempo":
        return (measures.tempo_error(analysis["bpm"], pair.second)
                - measures.tempo_error(analysis["bpm"], pair.first))
    likely = opinion["key" if pair.attribute in ("mode", "tonic") else pair.attribute]
    return likely[pair.first] - likely[pair.second]


def follows(pair, analyses, opinions):
    """analyses, opinions: of the clips of the first and the second prompt."""
    return score(pair, analyses[0], opinions[0]) > score(pair, analyses[1], opinions[1])


def value_of(clip, attribute):
    return {"mode": clip.key, "tonic": clip.key, "tempo": clip.bpm, "lead": clip.lead,
            "drums": clip.drums}[attribute]


def matching_clip(clips, attribute, value):
    """The index of a clip with the value, or None."""
    if attribute == "tempo":
        return int(np.argmin([abs(clip.bpm - value) for clip in clips]))
    return next((i for i, clip in enumerate(clips) if value_of(clip, attribute) == value), None)


def pairs_of_clips(pairs, clips, seed):
    """[(pair, i, j)]: test clips that differ as the prompts of a pair do, and in more besides.

    What the scores can tell at best: real music in the place of generated music.
    """
    rng, found = np.random.default_rng(seed), []
    for pair in pairs:
        order = rng.permutation(len(clips))
        drawn = [clips[i] for i in order]
        places = [matching_clip(drawn, pair.attribute, v) for v in (pair.first, pair.second)]
        if None in places:
            continue
        first, second = (int(order[place]) for place in places)
        values = [value_of(clips[i], pair.attribute) for i in (first, second)]
        found.append((Pair(pair.attribute, *values), first, second))
    return found
