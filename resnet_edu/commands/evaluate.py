"""`evaluate`: the test error of a checkpoint."""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import data, resume
from ..checkpoint import About, load_checkpoint
from ..data import Dataset
from ..evaluate import evaluate
from ..plans import best_path
from ..records import checkpoint_of, large_of
from ..speed import exact
from ..streams import note
from . import DONE, device


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "evaluate",
        help="the test error of a checkpoint",
        description="Prints loss and error of a checkpoint on its dataset's test pictures.",
    )
    add_checkpoint(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the error, and a note where the pictures are not those of the training."""
    network, about = checkpoint_at(options.checkpoint)
    dataset = dataset_of(about)
    score = evaluate(network.to(there(options)), dataset.test, about.mean, about.std)
    print(
        f"{about.network} after {about.iteration:,} iterations on {len(dataset.test):,} test "
        f"pictures of {about.dataset}: error {score.error:.2f} %, loss {score.loss:.4f}"
    )
    return DONE


def add_checkpoint(command: argparse.ArgumentParser) -> None:
    """Adds what `checkpoint_at` takes, and where the network is to work."""
    command.add_argument(
        "checkpoint", type=Path, help="a .safetensors file, or the folder of a finished run"
    )
    command.add_argument("--device", type=device, help="default: cuda if there")


def there(options: argparse.Namespace) -> torch.device:
    """Where the network is to work, in the arithmetic of its training."""
    exact()
    return options.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")


def checkpoint_at(path: Path) -> tuple[nn.Module, About]:
    """The network and what it is of, from a checkpoint or the folder of a finished run.

    Raises as `load_checkpoint` does; the error says so where a run's weights are not at hand, and
    where the file is the state of a run under way.
    """
    if path.is_dir():
        folder = path.resolve()
        path = checkpoint_of(folder)
        if (folder / "record.json").is_file() and not path.is_file():
            raise FileNotFoundError(
                f"the weights of the run in {folder} are not here: those over 4 MB stay in "
                f"{large_of(folder)} on the machine that made it"
            )
    try:
        return load_checkpoint(path)
    except ValueError as error:
        if under_way := _under_way(path):
            raise ValueError(
                f"{path} is no checkpoint, but {under_way}; `train` goes on from it. Once it has "
                f"been evaluated, the checkpoint that was best so far is {best_path(path)}"
            ) from error
        raise


def _under_way(path: Path) -> str:
    """What run the file is the state of; empty where it is none."""
    try:
        _, state = resume.read_state(path)
        name, iteration = state["about"]["network"], state["numbers"]["iteration"]
        return f"the state of a run under way: {name} after {iteration:,} iterations"
    except (ValueError, KeyError, TypeError):
        return ""


def dataset_of(about: About) -> Dataset:
    """The dataset a checkpoint was trained on, and a note on stderr where the pictures differ."""
    dataset = data.load(about.dataset)
    if dataset.fingerprint != about.fingerprint:
        note(
            f"trained on {about.dataset} {about.fingerprint}, "
            f"tested on {dataset.fingerprint}; the pictures differ"
        )
    return dataset
