"""Mark notebooks that came back: run each from top to bottom and list what its checks say.

    python tools/mark.py answers/*/*.ipynb

prints a line an exercise: the notebook, the check, the mark and the words. The mark is

- `right` or `not yet`: what the check says, in its own words;
- `no answer`: the stub is untouched, or its cell is gone;
- `failed`: the cell raised, took too long or was not reached. Look yourself.

Where an exercise is tried in several cells, the best try counts. A cell that raises, or hangs and
can be interrupted, does not end the run. The notebooks are read, never written. This executes what
students wrote: do it where that may do no harm.
"""

import argparse
import ast
import asyncio
import csv
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from resnet_edu.exercises import NOT_STARTED

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = ("notebook", "check", "mark", "words")
MARKS = ("right", "not yet", "failed", "no answer")  # the best first
CHAPTER = re.compile(r"^from resnet_edu\.exercises import (\w+) as exercises\b", re.MULTILINE)


def mark(path: Path, seconds: int) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` for each exercise of the notebook at `path`."""
    notebook = nbformat.read(path, as_version=4)
    given = {name: ("no answer", "its cell is gone") for name in wanted(notebook)}
    for name, *found in asyncio.run(run(notebook, seconds)):
        given[name] = best(found, given.get(name, found))
    if not given:
        print(f"{path} imports the exercises of no chapter, and asks no check", file=sys.stderr)
    return [(str(path), name, *found) for name, found in given.items()]


def best(*found: tuple[str, str]) -> tuple[str, str]:
    """The best of some marks, with its words; of equals the first."""
    return min(found, key=lambda one: MARKS.index(one[0]))


def wanted(notebook: nbformat.NotebookNode) -> list[str]:
    """The checks that the chapter asks whose exercises this notebook imports."""
    chapters = [CHAPTER.search(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    paths = [ROOT / "notebooks" / f"{found[1]}.ipynb" for found in chapters if found]
    if not paths or not paths[0].exists():
        return []
    original = nbformat.read(paths[0], as_version=4)
    exercises = [c for c in original.cells if "exercise" in c.metadata.get("tags", [])]
    return [name for cell in exercises for name, _ in asked(cell.source)]


def asked(source: str) -> list[tuple[str, str]]:
    """The checks that a cell asks: their names, and the calls in Python where it can be read."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return [(name, "") for name in re.findall(r"\bexercises\.(\w+)\(", source)]
    return [
        (node.func.attr, ast.unparse(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "exercises"
    ]


async def run(notebook: nbformat.NotebookNode, seconds: int) -> list[tuple[str, str, str]]:
    """What the checks in a notebook say when it is run: name, mark and words of each.

    A check is asked once more in a cell of its own, behind the student's: what else that cell
    prints or shows would hide what the check says.
    """
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        timeout=seconds,
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    students = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells, marks, lost = [], [], ""
    async with client.async_setup_kernel():
        for cell in students:
            shown, trouble, lost = await execute(client, cell.source, lost)
            checks = asked(cell.source)
            for name, call in checks:
                # Of several checks in a cell only the last is shown: it says nothing of the others.
                found = verdict(shown if len(checks) == 1 else [], trouble)
                if call and not trouble:
                    said, why, lost = await execute(client, call, lost)
                    again = verdict(said, why)
                    # A check that stands in a function of the student's cannot be asked outside.
                    found = again if again[0] != "failed" or found[0] == "failed" else found
                marks.append((name, *found))
    return marks


async def execute(client: NotebookClient, source: str, lost: str) -> tuple[list[str], str, str]:
    """Runs a line of the notebook: what it shows, what went wrong, and why no more can be run."""
    if lost:
        return [], lost, lost
    cell = nbformat.v4.new_code_cell(source)
    client.nb.cells.append(cell)
    try:
        await client.async_execute_cell(cell, len(client.nb.cells) - 1)
    except DeadKernelError:
        return [], "the kernel died", "the kernel had died before it"
    except CellTimeoutError:
        trouble = f"took more than {client.timeout} seconds"
        try:
            await client.km.interrupt_kernel()
            await client.kc.wait_for_ready(timeout=client.timeout)
        except RuntimeError:  # it caught the interruption, and goes on
            return [], trouble, "a cell before it could not be stopped"
        return [], trouble, ""
    errors = [f"{out.ename}: {out.evalue}" for out in cell.outputs if out.output_type == "error"]
    shown = [out.get("data", {}).get("text/plain", "") for out in cell.outputs]
    return shown, errors[0] if errors else "", ""


def verdict(said: list[str], trouble: str) -> tuple[str, str]:
    """The mark and the words for what a check said, or for what went wrong."""
    if trouble:
        return "failed", trouble
    for text in said:
        for start, name in (("Right.", "right"), ("Not yet.", "not yet")):
            if text.startswith(start):
                words = text.removeprefix(start).strip()
                return "no answer" if words == NOT_STARTED.message else name, " ".join(
                    words.split()
                )
    return "failed", "the check said nothing"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and list what their checks say.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--seconds", type=int, default=120, help="how long one cell may take")
    options = parser.parse_args()
    table = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    failed = 0
    for path in options.notebooks:
        try:
            table.writerows(mark(path, options.seconds))
        except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
            failed += 1
            print(f"{path} cannot be read as a notebook: {error}", file=sys.stderr)
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
