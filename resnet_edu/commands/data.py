"""`data`: what a dataset holds, and whether it is whole."""

import argparse
from typing import Any

from .. import data
from ..train import SPLIT
from . import DONE

OFFICIAL = {
    True: ", the official pictures",
    False: ", NOT the official pictures: a copy that lost something?",
    None: "",
}


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "data",
        help="fetch a dataset, check it, and say what is there",
        description="Loads a dataset, checks it and says what is there. CIFAR comes from the "
        "folder, zip or tar that RESNET_EDU_DATA names, with the official batches or "
        "train/<class>/<picture> and test/<class>/<picture> in it. Where that is not set, it comes "
        "from the cache of an earlier load, else from a download of the official archive, 170 MB, "
        "checked byte by byte. This is the only command that downloads.",
    )
    command.add_argument(
        "dataset", nargs="?", choices=data.DATASETS, default="cifar10", help="default: cifar10"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what there is."""
    dataset = data.load(options.dataset, download=True)
    training, validation = dataset.split(SPLIT)
    print(f"{dataset.name} ({dataset.source})")
    print(f"  training     {len(training):6,} and {len(validation):,} for validation")
    print(f"  test         {len(dataset.test):6,}")
    print(f"  classes      {', '.join(dataset.classes)}")
    print(f"  mean         {dataset.mean}")
    print(f"  std          {dataset.std}")
    print(f"  fingerprint  {dataset.fingerprint}{OFFICIAL[dataset.official]}")
    return DONE
