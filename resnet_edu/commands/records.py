"""`records`: what the finished runs came to, and which planned ones are not made."""

import argparse
from pathlib import Path
from typing import Any

from .. import ledger
from ..records import read_runs
from ..show import tables
from . import DONE


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "records",
        help="what the finished runs came to, and which were not made",
        description="Prints the ledger: the finished runs, those that differ only in their seed in "
        "one row, with the test error of the last iterate (over seeds: mean ± sample standard "
        "deviation) beside what He et al. (2015), table 6, report; then the planned runs that were "
        "not made. The last column has the folder of each run.",
    )
    command.add_argument("--records", type=Path, default=Path("records"), help="default: records")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints both tables; FileNotFoundError where the folder is not there."""
    if not options.records.is_dir():
        raise FileNotFoundError(
            f"there is no folder {options.records}; name the one of the records with --records"
        )
    runs = read_runs(options.records)
    rows = ledger.rows(runs)
    print(tables.ledger_table(rows) if rows else f"no finished run in {options.records / 'runs'}")
    if missing := ledger.not_made(runs):
        print(f"\nPlanned and not made:\n{tables.missing_table(missing)}")
    return DONE
