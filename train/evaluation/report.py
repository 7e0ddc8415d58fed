"""The figures as a table for a person, as JSON and as a part of a model card."""
import dataclasses
import hashlib
import json
import math

from figures import COLUMNS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def number(value, unit):
    if math.isnan(value):
        return "–"
    return f"{100 * value:.0f}" if unit == "%" else f"{value:.2f}"


def cell(value, unit):
    if value is None:
        return ""
    text = number(value.value, unit)
    if math.isnan(value.low):
        return text
    return f"{text} [{number(value.low, unit)}, {number(value.high, unit)}]"


def verdict(met):
    return {True: " met", False: " MISSED", None: ""}[met]


def gate(figure, name):
    if name == "must" and figure.chance is not None:
        return f"chance ({number(figure.chance, figure.unit)})" + verdict(figure.is_chance())
    limit = getattr(figure, name)
    return "" if limit is None else f"{limit:g}" + verdict(figure.reaches(limit))


def header():
    return ["figure", *(name for name in COLUMNS), "must", "aim"]


def rows(figures):
    for figure in figures:
        name = f"{figure.name}, {figure.unit}" if figure.unit else figure.name
        yield [name, *(cell(figure.columns.get(column), figure.unit) for column in COLUMNS),
               gate(figure, "must"), gate(figure, "aim")]


def as_text(figures):
    table = [header(), *rows(figures)]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
             for row in table]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def as_markdown(figures, setting):
    command = " ".join(["train/evaluation/evaluate.py", *setting["options"]])
    lines = [f"Measured by `{command}` on {setting['prompts']} prompts of "
             f"TestB, seed {setting['seed']}, default sampling. In brackets: 95 % intervals. "
             "*real* are the test clips themselves, *reconstructed* the same through the codec.",
             "", "| " + " | ".join(header()) + " |", "|" + " --- |" * len(header())]
    lines += ["| " + " | ".join(row) + " |" for row in rows(figures)]
    notes = [f"- {figure.name}: {figure.note}." for figure in figures if figure.note]
    return "\n".join(lines + [""] + list(dict.fromkeys(notes))) + "\n"


def as_json(figures, setting):
    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, float) and math.isnan(value):
            return None
        return value

    entries = [{**plain(dataclasses.asdict(figure)),
                "met": {"must": figure.reaches(figure.must), "aim": figure.reaches(figure.aim),
                        "chance": figure.is_chance()}} for figure in figures]
    return json.dumps({"setting": setting, "figures": entries}, indent=2, ensure_ascii=False) + "\n"


def put_into_card(card, markdown):
    """Replaces what stands between the marks in a Markdown file; appends them where it has none.
    A bundle's card is under its checksums: the sum goes along."""
    text = card.read_text() if card.exists() else ""
    part = f"{BEGIN}\n{markdown}{END}"
    if BEGIN in text and END in text:
        head, rest = text.split(BEGIN, 1)
        text = head + part + rest.split(END, 1)[1]
    else:
        text = (text.rstrip() + "\n\n" if text else "") + part + "\n"
    card.write_text(text)
    renew_checksum(card)


def renew_checksum(file):
    """In the SHA256SUMS beside a file that names it."""
    sums = file.parent / "SHA256SUMS"
    if not sums.exists():
        return
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    lines = [f"{digest}  {file.name}" if line.split()[1:] == [file.name] else line
             for line in sums.read_text().splitlines()]
    sums.write_text("\n".join(lines) + "\n")


def every_must_is_met(figures):
    return all(figure.reaches(figure.must) is not False and figure.is_chance() is not False
               for figure in figures)
