"""Mark notebooks that came back: run each from top to bottom and list what its checks say.

    python tools/mark.py answers/*.ipynb

prints a line an exercise: the notebook, the check, `right`, `not yet` or `no answer`, and the
check's own words. A cell that raises does not end the run. The notebooks are read, never written.
This executes what students wrote: do it where that may do no harm.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = ("notebook", "check", "mark", "words")
CALL = re.compile(r"^exercises\.(\w+)\(", re.MULTILINE)


def mark(path: Path, seconds: int) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` for each exercise of the notebook at `path`."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # what was stored proves nothing
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        timeout=seconds,
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    ended = "the cell was never reached"
    try:
        client.execute()
    except (CellTimeoutError, DeadKernelError) as error:
        ended = f"the run ended before it: {str(error).splitlines()[0]}"
    rows = []
    for cell in notebook.cells:
        call = CALL.search(cell.source) if cell.cell_type == "code" else None
        if call:
            rows.append((path.name, call[1], *verdict(cell.outputs, ended)))
    return rows


def verdict(outputs: list, ended: str) -> tuple[str, str]:
    """The mark and the words in a cell's outputs."""
    for output in outputs:
        if output.output_type == "error":
            return "no answer", f"{output.ename}: {output.evalue}"
        said = output.get("data", {}).get("text/plain", "")
        for start, name in (("Right.", "right"), ("Not yet.", "not yet")):
            if said.startswith(start):
                return name, " ".join(said.removeprefix(start).split())
    return "no answer", ended


def main() -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and list what their checks say.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--seconds", type=int, default=120, help="how long one cell may take")
    asked = parser.parse_args()
    table = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    failed = 0
    for path in asked.notebooks:
        try:
            table.writerows(mark(path, asked.seconds))
        except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
            failed += 1
            print(f"{path} cannot be read as a notebook: {error}", file=sys.stderr)
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
