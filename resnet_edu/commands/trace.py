"""`trace`: every module's shapes."""

import argparse
from typing import Any

from .. import resnet
from ..trace import trace
from . import DONE, NETWORKS, checked, positive


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "trace",
        help="every module's shapes, parameters, multiply-adds and receptive field",
        description="Prints a table of what a network does to one picture, module by module.",
    )
    command.add_argument("network", type=checked(resnet.by_name), metavar="NETWORK", help=NETWORKS)
    command.add_argument(
        "--depth",
        type=positive,
        default=2,
        metavar="D",
        help="levels of modules to show: 1 stages, 2 blocks, 3 branches, 4 layers (default 2)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the table."""
    print(trace(options.network, depth=options.depth))
    return DONE
