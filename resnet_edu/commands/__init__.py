"""What the command line can do, a module a command: `add` says what it takes, `run` does it."""

import argparse
from collections.abc import Callable

import torch

from .. import resnet

NETWORKS = f"{', '.join(resnet.NAMES)}; with projections resnet20-B and the like"
# What a command may end with. Others: 2 for a wrong command line, 128 + the signal's number.
DONE, FAILED, STOPPED = 0, 1, 3


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def seed(text: str) -> int:
    """A whole number that both PyTorch and NumPy take as a seed."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2³² − 1, not {text!r}")
    return int(text)


def minutes(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of minutes above 0, not {text!r}")
    return value


def device(text: str) -> torch.device:
    """A device that is there."""
    try:
        return torch.zeros(1, device=text).device
    except AssertionError as error:  # a PyTorch that was built without that kind of device
        raise argparse.ArgumentTypeError(str(error)) from error
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(str(error).splitlines()[0]) from error


def network(text: str) -> str:
    """The name of a network that there is."""
    checked(resnet.by_name)(text)
    return text


def checked(make: Callable) -> Callable:
    """`make` as the type of an argument: what it raises becomes a line about the command line."""

    def convert(text: str):
        try:
            return make(text)
        except (ValueError, RuntimeError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert
