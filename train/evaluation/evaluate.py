#!/usr/bin/env python3
"""Measures a bundle: does the music heed its prompt, and how much does the codec lose?

    pip install -r train/evaluation/requirements.txt
    train/evaluation/evaluate.py --bundle models/default --data data/composed

Every figure has three columns: the test clips themselves, the same through the bundle's codec, and
what the bundle generates for their prompts. The first two say what the tools can hear at all.

Which clip is used for what:
- TestB of --data: prompts (main caption with the control sentences) and the real clips beside them.
  No training may read them. TestA is the same audio, so it cannot train the probes either.
- --probes: music for the probes alone, composed from another seed than --data, so that no song is
  in both; made by `magnet-train compose` where it is missing. The probe of the real column trains
  on it as it is; the probe of the other two columns on its codec reconstructions.
- Nothing is chosen by a result: clips, pairs and shuffles are drawn by --seed, and clip i is
  generated with the seed --seed + i and the bundle's own sampling.

Writes figures.json, figures.md and pictures/ to --output; everything slow is kept in its cache/.
Exit status: 0 every "must" is met, 2 one is not, 1 an error.
"""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

import analysis  # noqa: E402
import clips as clip_rows  # noqa: E402
import figures  # noqa: E402
import measures  # noqa: E402
import model_runs  # noqa: E402
import prompt_pairs  # noqa: E402
from figures import CODED, GENERATED, REAL, Column  # noqa: E402

NUM_PICTURES = 12
BATCH = 16  # clips handed to a process at a time


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data", type=pathlib.Path, required=True, help="folder of `magnet-train compose`")
    add("--bundle", type=pathlib.Path, help="folder of the model; without: the real column only")
    add("--codec-only", action="store_true", help="leave the generated column out")
    add("--probes", type=pathlib.Path, help="composed folder for the probes [OUTPUT/probes]")
    add("--output", type=pathlib.Path, default=pathlib.Path("runs/evaluation"), help="folder")
    add("--card", type=pathlib.Path, help="Markdown file to put the figures into")
    add("--clips", type=int, default=240, help="test clips")
    add("--probe-clips", type=int, default=1000, help="clips that the probes train on")
    add("--pairs", type=int, default=20, help="pairs of prompts for each attribute")
    add("--seed", type=int, default=1, help="of everything that is drawn")
    add("--probe-seed", type=int, default=1000, help="of the probes' music, where it is composed")
    add("--precision", default="auto", choices=["auto", "float32", "bfloat16", "float16", "int8"],
        help="of the model's arithmetic, as magnet-model takes it; auto depends on the machine, and "
             "what is kept in the cache does not know which it was")
    add("--workers", type=int, default=os.cpu_count(), help="processes")
    add("--magnet-model", default="build/release/model/cli/magnet-model", help="program")
    add("--magnet-train", default="build/release/train/magnet-train", help="program")
    arguments = parser.parse_args()
    arguments.changed = changed_options(parser, arguments)
    arguments.probes = arguments.probes or arguments.output / "probes"
    if arguments.clips < 1 or arguments.probe_clips < 50 or arguments.pairs < 1:
        parser.error("expected --clips and --pairs of at least 1, --probe-clips of at least 50")
    return arguments


def changed_options(parser, arguments):
    """What the figures depend on and is not by default, as it was given."""
    changed = []
    for name in ("clips", "probe_clips", "pairs", "seed", "probe_seed", "precision"):
        value = getattr(arguments, name)
        if value != parser.get_default(name):
            changed += ["--" + name.replace("_", "-"), str(value)]
    return changed


class Stage:
    """Says what is being done, how far it is, and how long it took."""
    seconds = {}

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.begin = time.monotonic()
        print(f"{self.name} ...", file=sys.stderr, flush=True)
        return self.progress

    def __exit__(self, *_):
        taken = time.monotonic() - self.begin
        self.seconds[self.name] = round(taken, 1)
        print(f"\r{self.name}: {taken:.0f} s\033[K", file=sys.stderr, flush=True)

    def progress(self, items, total):
        for done, item in enumerate(items, 1):
            if sys.stderr.isatty():
                print(f"\r{done}/{total}", end="", file=sys.stderr, flush=True)
            yield item


def compose_for_probes(arguments):
    """Refuses music that the model may have been trained on."""
    if not (arguments.probes / "truth_train.jsonl").exists():
        with Stage("composing for the probes"):
            hours = (arguments.probe_clips + 20) * 10 / 3600
            subprocess.run([arguments.magnet_train, "compose", "--out", str(arguments.probes),
                            "--hours", str(hours), "--seed", str(arguments.probe_seed),
                            "--threads", str(arguments.workers)], check=True)
    seeds = [clip_rows.composed_with_seed(f) for f in (arguments.data, arguments.probes)]
    if seeds[0] == seeds[1]:
        sys.exit(f"{arguments.probes}: composed with the seed of {arguments.data} ({seeds[0]}): "
                 "the probes would know the test clips; choose another folder")


def read_probe_clips(arguments):
    found = [clip for split in ("train", "test_A")
             for clip in clip_rows.read_clips(arguments.probes, split)]
    return clip_rows.pick(found, arguments.probe_clips, arguments.seed)


def analyse_all(paths, arguments, name):
    work = functools.partial(analysis.analyse, cache=arguments.output / "cache" / "analyses")
    with Stage(f"analysing {len(paths)} {name}") as progress:
        if arguments.workers == 1:
            return list(progress(map(work, paths), len(paths)))
        with concurrent.futures.ProcessPoolExecutor(arguments.workers) as pool:
            return list(progress(pool.map(work, paths, chunksize=BATCH), len(paths)))


def train_probes(clips, analyses, arguments, name):
    import probes
    with Stage(f"training the probes of {name}"):
        return probes.Probes(clips, analyses, arguments.seed)


def real_column(arguments, tests, probe_clips):
    trained = train_probes(
        probe_clips, analyse_all([c.path for c in probe_clips], arguments, "clips for probes"),
        arguments, "real clips")
    analyses = analyse_all([c.path for c in tests], arguments, "real clips")
    return Column(tests, analyses, trained.opinions(analyses))


def coded_column(arguments, bundle, tests, probe_clips):
    """-> the column, its probes, the audio and the codes of the test clips."""
    paths = [c.path for c in tests] + [c.path for c in probe_clips]
    with Stage(f"reconstructing {len(paths)} clips") as progress:
        made = bundle.reconstruct_all(paths, progress)
    sounds = [audio for audio, _ in made]
    trained = train_probes(
        probe_clips, analyse_all(sounds[len(tests):], arguments, "reconstructions for probes"),
        arguments, "reconstructions")
    analyses = analyse_all(sounds[: len(tests)], arguments, "reconstructions")
    column = Column(tests, analyses, trained.opinions(analyses))
    return column, trained, made[: len(tests)]


def generated_column(arguments, bundle, tests, trained):
    with Stage(f"generating {len(tests)} clips") as progress:
        made = bundle.generate([c.prompt for c in tests], arguments.seed, progress)
    analyses = analyse_all([audio for audio, _ in made], arguments, "generated clips")
    return Column(tests, analyses, trained.opinions(analyses)), made


def generated_pairs(arguments, bundle, pairs, trained):
    """-> analyses and opinions of each pair's two clips, made with the same seed."""
    analyses, opinions = [], []
    for side in (0, 1):
        with Stage(f"generating the pairs' clips, {side + 1} of 2") as progress:
            made = bundle.generate([pair.prompts[side] for pair in pairs], arguments.seed, progress)
        analyses.append(analyse_all([audio for audio, _ in made], arguments, "clips of pairs"))
        opinions.append(trained.opinions(analyses[-1]))
    return list(zip(*analyses)), list(zip(*opinions))


def compare_with_codec(clips, made):
    """-> log-mel differences and SI-SDRs of each clip."""
    distances, decibels = [], []
    for clip, (audio, _) in zip(clips, made):
        reference, rate = soundfile.read(clip.path, dtype="float32")
        wave, coded_rate = soundfile.read(audio, dtype="float32")
        if rate != coded_rate:
            import librosa
            reference = librosa.resample(reference, orig_sr=rate, target_sr=coded_rate)
        length = min(len(reference), len(wave))
        distances.append(measures.log_mel_difference(wave[:length], reference[:length], coded_rate))
        decibels.append(measures.si_sdr(wave[:length], reference[:length]))
    return distances, decibels


def codebook_use(bundle, made):
    codes = np.concatenate([model_runs.read_codes(path) for _, path in made], axis=1)
    return measures.codebook_use(codes, bundle.config["codec"]["codebook_size"])


def draw_pictures(arguments, tests, sounds):
    """sounds: column -> audio files, one for each test clip."""
    import pictures
    folder = arguments.output / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with Stage("drawing"):
        for i, clip in enumerate(tests[:NUM_PICTURES]):
            pictures.draw(folder / f"{i + 1:02d}.png", clip.prompt,
                          {name: files[i] for name, files in sounds.items()})


def write_report(arguments, found, tests):
    import report
    setting = {"bundle": str(arguments.bundle), "prompts": len(tests), "seed": arguments.seed,
               "probe_clips": arguments.probe_clips, "precision": arguments.precision,
               "options": arguments.changed, "seconds": Stage.seconds}
    print(report.as_text(found))
    (arguments.output / "figures.json").write_text(report.as_json(found, setting))
    markdown = report.as_markdown(found, setting)
    (arguments.output / "figures.md").write_text(markdown)
    if arguments.card:
        report.put_into_card(arguments.card, markdown)
    return 0 if report.every_must_is_met(found) else 2


def main():
    arguments = parse_arguments()
    compose_for_probes(arguments)
    probe_clips = read_probe_clips(arguments)
    tests = clip_rows.pick(clip_rows.read_clips(arguments.data, "test_B"),
                           arguments.clips, arguments.seed)
    pairs = prompt_pairs.make_pairs(arguments.pairs, sorted({c.lead for c in probe_clips}),
                                    arguments.seed)
    columns = {REAL: real_column(arguments, tests, probe_clips)}
    sounds = {REAL: [clip.path for clip in tests]}
    found, pair_results = [], ((), ())
    if arguments.bundle:
        bundle = model_runs.Bundle(arguments.bundle, arguments.magnet_model,
                                   arguments.output / "cache", arguments.workers,
                                   arguments.precision)
        columns[CODED], trained, coded = coded_column(arguments, bundle, tests, probe_clips)
        sounds[CODED] = [audio for audio, _ in coded]
        uses = {CODED: codebook_use(bundle, coded)}
        if not arguments.codec_only:
            columns[GENERATED], made = generated_column(arguments, bundle, tests, trained)
            sounds[GENERATED] = [audio for audio, _ in made]
            uses[GENERATED] = codebook_use(bundle, made)
            pair_results = generated_pairs(arguments, bundle, pairs, trained)
        found += figures.codec_figures(tests, *compare_with_codec(tests, coded), uses)
    found += figures.music_figures(columns)
    found += figures.pair_figures(pairs, *pair_results, tests, columns, arguments.seed)
    if GENERATED in columns:
        found += figures.shuffled_figures(columns[GENERATED], arguments.seed)
    found += figures.sound_figures(columns)
    status = write_report(arguments, found, tests)
    draw_pictures(arguments, tests, sounds)
    return status


if __name__ == "__main__":
    sys.exit(main())
