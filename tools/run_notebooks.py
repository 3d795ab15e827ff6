"""Run notebooks from top to bottom and store their outputs, so that a second run changes nothing.

    python tools/run_notebooks.py notebooks/residual_block.ipynb …

A cell tagged `no-store` runs and stores nothing; one tagged `raises-exception` must raise. A
notebook that fails is left as it was, and the exit code is 1.

    python tools/run_notebooks.py --times notebooks/*.ipynb

also leaves `records/measurements/chapters.json` with the seconds each of them took, for the
appendices (see tools/overview.py); nothing else should run meanwhile.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from resnet_edu.records import write_measurement

ROOT = Path(__file__).resolve().parent.parent
TIMES = "python tools/run_notebooks.py --times notebooks/*.ipynb"


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def execute(notebook, folder: Path) -> None:
    """Run all cells in place, in a fresh kernel started in `folder`, where nbval starts it too."""
    NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        timeout=300,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # or each kernel warns about its port
        coalesce_streams=True,  # how a stream is cut into pieces is a matter of timing
    ).execute()
    for cell in notebook.cells:
        raised = any(output.output_type == "error" for output in cell.get("outputs", []))
        if "raises-exception" in tags(cell) and not raised:
            raise ValueError(f"a cell tagged raises-exception did not raise:\n{cell.source}")


def without_paths(text: str) -> str:
    """`text` with paths into this checkout made relative: a traceback names files in full."""
    for root in (str(ROOT), str(ROOT).replace(str(Path.home()), "~")):
        text = text.replace(root + "/", "")
    return text


def tidy(notebook) -> None:
    """Keep only what the next run, on another machine, would store again."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    # With the lexer that knows lines beginning with % or !, which Python's takes for errors.
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for cell in notebook.cells:
        for volatile in ("execution", "collapsed", "scrolled", "ExecuteTime"):
            cell.metadata.pop(volatile, None)
        if cell.cell_type != "code":
            continue
        if "no-store" in tags(cell):
            cell.outputs, cell.execution_count = [], None
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = [without_paths(line) for line in output.traceback]


def run(path: Path) -> None:
    """Execute one notebook; write it only if something changed, so that `make book` can rest."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    execute(notebook, path.parent)
    tidy(notebook)
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--times", action="store_true", help="write the seconds into the records")
    asked = parser.parse_args()
    failed, rows = 0, []
    for path in asked.notebooks:
        print(f"{path} ", end="", flush=True)
        started = time.perf_counter()
        try:
            run(path)
            taken = time.perf_counter() - started
            # Of the kernels so far, the largest; the last row has the largest of all.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            rows.append({"chapter": path.stem, "seconds": round(taken, 1), "peak_mb_so_far": peak})
            print(f"{taken:.0f} s", flush=True)
        except (CellExecutionError, ValueError) as error:
            failed += 1
            print(f"failed, and is left as it was\n{error}", flush=True)
    if asked.times and not failed:
        write_measurement("chapters", TIMES, rows)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
