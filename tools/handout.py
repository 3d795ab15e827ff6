"""Make handouts of chapters: the notebooks as they are, without solutions and stored outputs.

    python tools/handout.py notebooks/stem.ipynb … --to handouts

The exercises keep their stubs, their checks and their hints (`--no-hints` takes those as well).
A handout that is there already is not overwritten: somebody may have written into it.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat


def fold(kind: str) -> re.Pattern:
    """What folds open on the page, of one kind: "solution" or "hint"."""
    return re.compile(rf'<details class="{kind}">.*?</details>\n?', re.DOTALL)


def handout(notebook, hints: bool = True):
    """`notebook` without solutions and outputs, and without hints unless they are wanted."""
    kinds = ["solution"] + ["hint"] * (not hints)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        for kind in kinds:
            cell.source = fold(kind).sub("", cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    return notebook


def main() -> int:
    parser = argparse.ArgumentParser(description="Make handouts without solutions.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, default=Path("handouts"), help="folder of the handouts")
    parser.add_argument("--no-hints", action="store_true", help="take the hints away as well")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in asked.notebooks:
        target = asked.to / path.name
        try:
            notebook = handout(nbformat.read(path, as_version=4), hints=not asked.no_hints)
            with target.open("x", encoding="utf-8") as file:
                nbformat.write(notebook, file)
            print(target)
        except FileExistsError:
            failed += 1
            print(f"{target} is there already; remove it or choose another --to", file=sys.stderr)
        except (OSError, nbformat.reader.NotJSONError) as error:
            failed += 1
            print(f"{path} cannot be made a handout: {error}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
