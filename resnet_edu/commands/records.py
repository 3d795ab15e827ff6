"""`records`: what the finished runs came to, what is under way, and which are not made."""

import argparse
from pathlib import Path
from typing import Any

from .. import ledger
from ..plans import states
from ..records import read_runs
from ..resume import read_state
from ..show import tables
from . import DONE


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "records",
        help="what the finished runs came to, which are under way, and which were not made",
        description="Prints the ledger: the finished runs, those that differ only in their seed in "
        "one row, with the test error of the last iterate (over seeds: mean ± sample standard "
        "deviation) beside what He et al. (2015), table 6, report; then the runs that were begun "
        "and not finished, and the planned ones that were not made. The last column has the folder "
        "of each run.",
    )
    command.add_argument("--records", type=Path, default=Path("records"), help="default: records")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what there is of each; OSError or ValueError where the folder is another one."""
    if not options.records.is_dir():
        raise FileNotFoundError(
            f"there is no folder {options.records}; name the one of the records with --records"
        )
    if next(options.records.glob("*/record.json"), None):
        above = options.records.resolve().parent
        raise ValueError(f"{options.records} holds the runs themselves; name {above}, above it")
    runs = read_runs(options.records)
    rows = ledger.rows(runs)
    print(tables.ledger_table(rows) if rows else f"no finished run in {options.records / 'runs'}")
    finished = {made.name for made in runs}
    begun = [_progress(path) for path in states(options.records) if path.stem not in finished]
    if begun:
        print("\nUnder way; the command that began a run goes on with it:", *begun, sep="\n")
    if missing := ledger.not_made(runs):
        print(f"\nPlanned and not made:\n{tables.missing_table(missing)}")
    return DONE


def _progress(path: Path) -> str:
    """How far the run is whose state lies at `path`, or why nobody can say."""
    try:
        _, state = read_state(path)
        done, whole = state["numbers"]["iteration"], state["about"]["recipe"]["iterations"]
        last = [f", validation error {row['validation_error']:.2f} %" for row in state["metrics"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path.stem}: {error}"
    return "".join([f"{path.stem}: {done:,} of {whole:,} iterations", *last[-1:]])
