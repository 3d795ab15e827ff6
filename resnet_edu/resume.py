"""The state of a run under way: all that is needed to go on as if nothing had happened."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import read_tensors, write_tensors
from .train import Evaluation, Training

KEY = "resnet_edu_state"  # the entry of the file's metadata that holds the numbers, as JSON
FORMAT = 2
# What an iteration leaves beside tensors; the rest of a Training is made anew from recipe and data.
NUMBERS = (
    *("iteration", "looked_at", "rate", "seconds", "looked_seconds"),
    *("warming_up", "warm_up_ended", "warm_up_look"),
)


def save_state(path: Path, training: Training, about: dict[str, Any]) -> None:
    """Writes the state to `path`, whole or not at all: a crash leaves the old one or the new one.

    `about` says what run this is, in JSON's types; `read_state` gives it back. Raises
    FloatingPointError and keeps the old file where a loss was not finite, OSError where the file
    cannot be written.
    """
    training.check()
    tensors = training.update.tensors()
    tensors |= {f"best.{name}": value for name, value in training.best.items()}
    tensors["generator"] = training.generator.get_state()
    tensors["order"] = training.batches.order.int()
    numbers = {name: getattr(training, name) for name in NUMBERS}
    state = {
        "format": FORMAT,
        "about": about,
        "numbers": numbers,
        "scaler": training.update.scaler.state_dict(),
        "metrics": [asdict(row) for row in training.metrics],
    }
    write_tensors(path, tensors, {KEY: json.dumps(state)})


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the rest of a state; ValueError where the file is damaged or no state."""
    tensors, metadata = read_tensors(path)
    try:
        state = json.loads(metadata[KEY])
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']!r}, and this code reads {FORMAT}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no state of a run of ours: {error}") from error
    return tensors, state


def restore(training: Training, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Puts a fresh Training where the saved one stood; the next step is the one it would have made.

    ValueError where the tensors are not those of this network.
    """
    theirs, ours = set(tensors), training.update.tensors()
    if missing := set(ours) - theirs:
        raise ValueError(f"the state is of another network: it has no {min(missing)}")
    with torch.no_grad():
        for name, value in ours.items():
            if value.shape != tensors[name].shape:
                raise ValueError(
                    f"the state is of another network: {name} is {tuple(tensors[name].shape)}, "
                    f"not {tuple(value.shape)}"
                )
            value.copy_(tensors[name])
    device = training.update.device
    training.best = {
        name.removeprefix("best."): value.to(device)
        for name, value in tensors.items()
        if name.startswith("best.")
    }
    training.generator.set_state(tensors["generator"])
    training.batches.order = tensors["order"].long().to(device)
    for name in NUMBERS:
        value = state["numbers"][name]
        setattr(training, name, tuple(value) if isinstance(value, list) else value)
    training.update.scaler.load_state_dict(state["scaler"])
    training.metrics = [Evaluation(**row) for row in state["metrics"]]
