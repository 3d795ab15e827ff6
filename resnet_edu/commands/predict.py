"""`predict`: the class of every picture, in a file."""

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from ..checkpoint import About
from ..data.batches import Batch
from ..data.cifar import KNOWN
from ..predict import check_place, predict, read_unseen, write_predictions
from ..records import run_name
from ..streams import note
from . import DONE
from .evaluate import add_checkpoint, checkpoint_at, dataset_of, there


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "predict",
        help="the class of every picture, in a file Id,Label",
        description="Writes Id,Label and a row a picture, normalised as in the checkpoint's "
        "training. Id is the file's stem where every stem is a whole number and no two are equal, "
        "or the number that an array or batch gives; else the position from 0, files in the "
        "natural order of their paths (9.png before 10.png). Where labels are known, prints the "
        "error too. The file is written whole or not at all, and over an earlier file of "
        "predictions, never over any other.",
    )
    add_checkpoint(command)
    command.add_argument(
        "pictures",
        type=Path,
        nargs="?",
        metavar="PICTURES",
        help="32×32 RGB: a folder, zip or tar of pictures; a .npy or .npz of bytes, (N, 3, 32, 32) "
        "or (N, 32, 32, 3), in a .npz the only array or the one named images, with ids and labels "
        "if there are such; an official batch of CIFAR, with or without labels. Default: the test "
        "pictures of the checkpoint's dataset",
    )
    command.add_argument(
        "--output", type=Path, default=Path("predictions.csv"), help="default: predictions.csv"
    )
    command.add_argument("--names", action="store_true", help="names of classes, not numbers")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the file; prints how many pictures, by what, where, and the error if it is known."""
    check_place(options.output, options.pictures)  # before time is spent
    network, about = checkpoint_at(options.checkpoint)
    (images, labels, ids), what = _pictures(options.pictures, about)
    if not len(images):
        raise ValueError(f"there is nothing to predict: there are no {what}")
    predicted = predict(network.to(there(options)), images, about.mean, about.std)
    classes = about.classes if options.names else None
    write_predictions(options.output, ids, predicted, classes)
    name = run_name(about.network, about.dataset, about.recipe, about.seed)
    error = _error(predicted, labels, len(about.classes))
    print(
        f"{name} after {about.iteration:,} iterations on {len(images):,} {what}: "
        f"{error}predictions in {options.output}"
    )
    return DONE


def _pictures(source: Path | None, about: About) -> tuple[Batch, str]:
    """Pictures, labels if they are known, and ids; and what they are, in words."""
    if source is None:
        dataset = dataset_of(about)
        test = dataset.test
        return (test.images, test.labels, dataset.test_ids), f"test pictures of {about.dataset}"
    known = KNOWN.get(about.dataset)
    return read_unseen(source, known.label_key if known else "labels"), f"pictures of {source}"


def _error(predicted: Tensor, labels: Tensor | None, classes: int) -> str:
    """The error in words; empty where labels are not known."""
    if labels is None:
        return ""
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high >= classes:
        note(
            f"the labels run from {low} to {high}, where the checkpoint has classes 0 to "
            f"{classes - 1}; the error is not known"
        )
        return ""
    return f"error {100 * (predicted != labels).double().mean():.2f} %, "
