"""The chapters as the tests see them: notebooks, their cells, their exercise cards."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from pages import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The others are pages made by code.
CHAPTERS = [
    path
    for path in NOTEBOOKS
    if "chapter-card" in nbformat.read(path, as_version=4).cells[0].source
]


@dataclass(frozen=True)
class Card:
    """An exercise card: its text, the cell with stub and check, the hints and the solution."""

    chapter: str
    title: str
    goal: str
    stub: str
    hints: list[str]
    solution: str

    @property
    def check(self) -> str:
        """The name of the check, as `exercises.<check>(…)` in the stub's cell."""
        return re.search(r"^exercises\.(\w+)\(", self.stub, re.MULTILINE)[1]


def path_of(chapter: str) -> Path:
    """The notebook of the chapter of that name."""
    return ROOT / "notebooks" / f"{chapter}.ipynb"


def cells(notebook: Path, tag: str) -> list:
    """The code cells whose tags start with `tag`."""
    return [
        cell
        for cell in nbformat.read(notebook, as_version=4).cells
        if cell.cell_type == "code"
        and any(name.startswith(tag) for name in cell.metadata.get("tags", []))
    ]


def cards(notebook: Path) -> list[Card]:
    """The exercise cards in the order of the chapter."""
    everything = nbformat.read(notebook, as_version=4).cells
    found = []
    for i, cell in enumerate(everything):
        if "exercise" not in cell.metadata.get("tags", []):
            continue
        goal, answers = everything[i - 1].source, everything[i + 1].source
        hints = re.findall(r'<details class="hint">(.*?)</details>', answers, re.DOTALL)
        solution = re.search(
            r'<details class="solution">.*?```python\n(.*?)```.*?</details>', answers, re.DOTALL
        )
        title = re.findall(r"^### (.+)$", goal, re.MULTILINE)[-1]
        found.append(Card(notebook.stem, title, goal, cell.source, hints, solution[1]))
    return found
