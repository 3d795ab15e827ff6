"""Write what the appendices say about all chapters: what each needs, and how long it takes.

    python tools/overview.py

reads the card that every chapter opens with, the table of contents and the seconds that
`tools/run_notebooks.py --times` measured, and writes

    book/_static/needs.svg          which chapter needs which, drawn
    book/_generated/minutes.md      reading, exercises and running, a line a chapter
    book/_generated/plans.md        an evening, a week, a term, with their hours
    book/_generated/seconds.md      what was measured, and on which machine
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
TIMES = ROOT / "records" / "measurements" / "chapters.json"

# What to assign for how long; a term is the whole book, in its order.
PLANS = {
    "An evening": (
        "One sitting of a seminar or a reading group: the idea, the race that tests it, and the "
        "hole in the story. The first exercise on the spot, the others at home.",
        ["residual_block"],
    ),
    "A week": (
        "Five days of a summer school, a chapter a day: build, see every shape, train, understand.",
        ["stem", "residual_block", "tracing", "recipe", "gradient_flow"],
    ),
    "A term": ("Every chapter, one a week, exercises as homework.", []),
}


@dataclass(frozen=True)
class Chapter:
    """What a chapter's card says of it; `needs` holds the stems of the chapters it builds on."""

    stem: str
    part: str
    title: str
    reading: int  # minutes
    exercises: int  # minutes
    running: int  # seconds
    needs: tuple[str, ...]

    @property
    def link(self) -> str:
        """Markdown for the pages of `book/`."""
        return f"[{self.title}](../notebooks/{self.stem}.ipynb)"

    @property
    def minutes(self) -> int:
        return self.reading + self.exercises


def read_chapters() -> list[Chapter]:
    """The chapters in the book's order. ValueError for a card that does not say what it must."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for part in toc["parts"]:
        for entry in part["chapters"]:
            path = (ROOT / entry["file"]).with_suffix(".ipynb")
            if path.exists():
                card = nbformat.read(path, as_version=4).cells[0].source
                if "chapter-card" in card:  # the others are pages made by code
                    found.append(read_card(card, path.stem, part["caption"]))
    return found


def read_card(card: str, stem: str, part: str) -> Chapter:
    """The chapter that opens with `card`."""
    patterns = {
        "title": r"^# (.+)$",
        "needs": r"^\*\*You need\*\* (.+)$",
        "reading": r"\*\*Reading\*\* (\d+) minutes",
        "exercises": r"\*\*Exercises\*\* (\d+) minutes",
        "running": r"\*\*Running\*\* (\d+) seconds",
    }
    said = {}
    for name, pattern in patterns.items():
        match = re.search(pattern, card, re.MULTILINE)
        if not match:
            raise ValueError(f"the card of {stem} does not say {name}: it needs {pattern!r}")
        said[name] = match[1]
    needs = tuple(re.findall(r"\]\((\w+)\.ipynb", said["needs"]))
    minutes = (int(said[name]) for name in ("reading", "exercises", "running"))
    return Chapter(stem, part, said["title"], *minutes, needs)


def direct(chapters: list[Chapter]) -> dict[str, list[str]]:
    """Each chapter's needs without those that another of its needs brings along."""
    needs = {chapter.stem: set(chapter.needs) for chapter in chapters}
    everything: dict[str, set[str]] = {}
    for stem, own in needs.items():  # in the book's order, so what is needed is known already
        everything[stem] = own.union(*(everything[other] for other in own))
    order = list(needs)
    return {
        stem: sorted(
            (other for other in own if not any(other in everything[via] for via in own - {other})),
            key=order.index,
        )
        for stem, own in needs.items()
    }


# The graph, drawn

ROW, TOP, DOT = 34, 20, 5  # units: between two chapters, above the first, a dot's radius
PART = 24  # what a part's heading takes
LABEL = 16  # from a dot to its title


def draw(chapters: list[Chapter]) -> str:
    """The SVG element: the chapters in order down the page, an arc from each to what it needs.

    Drawn like the cover: what is needed reaches down past the chapters between, as a shortcut does.
    """
    needs, place, y, lines, part = direct(chapters), {}, TOP, [], None
    longest = max((len(chapter.title) for chapter in chapters), default=0)
    rows = {chapter.stem: row for row, chapter in enumerate(chapters)}
    spans = [rows[stem] - rows[other] for stem, own in needs.items() for other in own]
    left = 12 + 15 * max(spans, default=1)
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            lines.append(f'<text class="part" x="{left + LABEL}" y="{y}">{part}</text>')
            y += PART
        place[chapter.stem] = y
        y += ROW
    for stem, own in needs.items():
        for other in own:
            start, end = place[other], place[stem]
            reach = left - 8 - 20 * (rows[stem] - rows[other])
            lines.append(
                f'<path class="need" d="M{left} {start}C{reach} {start} {reach} {end} '
                f'{left - DOT - 7} {end}"/>'
                f'<path class="tip" d="M{left - DOT - 1} {end}l-7 -4v8z"/>'
            )
    for chapter in chapters:
        at = place[chapter.stem]
        lines.append(
            f'<circle class="chapter" cx="{left}" cy="{at}" r="{DOT}"/>'
            f'<text x="{left + LABEL}" y="{at + 5}">{chapter.title}</text>'
        )
    text = " ".join(
        f"{chapter.title} needs {_and(needs[chapter.stem], chapters) or 'no other chapter'}."
        for chapter in chapters
    )
    width = left + LABEL + 8 * longest
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - ROW + 20}" '
            f'style="width: {width}px" role="img" aria-labelledby="needs-title needs-text">',
            '<title id="needs-title">What each chapter needs</title>',
            f'<desc id="needs-text">The chapters in the order of the book. {text}</desc>',
            *lines,
            "</svg>\n",
        ]
    )


def _and(stems: list[str], chapters: list[Chapter]) -> str:
    titles = [chapter.title for chapter in chapters if chapter.stem in stems]
    return " and ".join(titles)


# The tables


def minutes(chapters: list[Chapter]) -> str:
    """A line a chapter, and their sums."""
    lines = [
        "| Chapter | Reading | Exercises | Needs |",
        "|:--|--:|--:|:--|",
    ]
    needs, by_stem = direct(chapters), {chapter.stem: chapter for chapter in chapters}
    for chapter in chapters:
        links = ", ".join(by_stem[stem].link for stem in needs[chapter.stem])
        lines.append(
            f"| {chapter.link} | {chapter.reading} min | {chapter.exercises} min | {links or '–'} |"
        )
    sums = (sum(getattr(c, name) for c in chapters) for name in ("reading", "exercises"))
    lines.append("| **all** | " + " | ".join(f"{_hours(total)}" for total in sums) + " | |")
    return "\n".join(lines) + "\n"


def plans(chapters: list[Chapter]) -> str:
    """A paragraph a plan: what it is, which chapters, and how many hours they take."""
    by_stem = {chapter.stem: chapter for chapter in chapters}
    text = []
    for name, (words, stems) in PLANS.items():
        chosen = [by_stem[stem] for stem in stems] or chapters
        titles = ", ".join(chapter.link for chapter in chosen) if stems else "All of them"
        reading = sum(chapter.reading for chapter in chosen)
        exercises = sum(chapter.exercises for chapter in chosen)
        text.append(
            f"**{name}.** {words} {titles}: {_hours(reading)} of reading and "
            f"{_hours(exercises)} of exercises.\n"
        )
    return "\n".join(text)


def seconds(chapters: list[Chapter], measured: dict) -> str:
    """A line a chapter with the seconds measured, and what was measured where."""
    times = {row["chapter"]: row["seconds"] for row in measured["rows"]}
    unknown = [chapter.stem for chapter in chapters if chapter.stem not in times]
    if unknown:
        raise ValueError(f"the seconds of {', '.join(unknown)} were not measured: make times")
    lines = ["| Chapter | Seconds, from top to bottom |", "|:--|--:|"]
    lines += [f"| {chapter.link} | {times[chapter.stem]:.0f} |" for chapter in chapters]
    whole = sum(times[chapter.stem] for chapter in chapters)
    lines.append(f"| **all, one after the other** | {whole:.0f} |")
    machine, memory = measured["machine"], max(row["peak_mb_so_far"] for row in measured["rows"])
    return "\n".join(
        [
            *lines,
            "",
            f"Measured on {machine['cores']} cores ({machine['cpu']}), nothing else running, by "
            f"`{measured['command']}`; PyTorch {measured['versions']['torch'].split('+')[0]}, each "
            "chapter in a kernel of its own, the import of PyTorch included. The hungriest of them "
            f"took {memory / 1000:.1f} GB of memory.\n",
        ]
    )


def _hours(total: int) -> str:
    """ "35 min", "2 h", "2 h 35 min"."""
    hours, rest = divmod(total, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or not hours))


def write(root: Path = ROOT) -> dict[Path, str]:
    """What belongs into which file, the files under `root`."""
    chapters = read_chapters()
    measured = json.loads(TIMES.read_text(encoding="utf-8"))
    return {
        root / "book" / "_static" / "needs.svg": draw(chapters),
        root / "book" / "_generated" / "minutes.md": minutes(chapters),
        root / "book" / "_generated" / "plans.md": plans(chapters),
        root / "book" / "_generated" / "seconds.md": seconds(chapters, measured),
    }


if __name__ == "__main__":
    for path, text in write().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT), file=sys.stderr)
