"""What the studies of gradients look at: the same few pictures, a network with its norms out."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..data import Dataset, normalise
from ..records import Run
from ..resnet import by_name


def few(dataset: Dataset, pictures: int) -> tuple[Tensor, Tensor]:
    """So many training pictures, normalised, and their labels: floats (N, 3, H, W), int64 (N,).

    The first of the seeded split, which mixes the classes and takes the same pictures whatever
    order their source has them in. ValueError where there are not so many.
    """
    training, _ = dataset.split()
    if not 0 < pictures <= len(training):
        raise ValueError(f"pictures must be 1 to {len(training):,}, not {pictures}")
    chosen = training[:pictures]
    return normalise(chosen.images, dataset.mean, dataset.std), chosen.labels


def drawn(run: Run) -> nn.Module:
    """The network of a finished run as it was before its first update."""
    torch.manual_seed(run.record["seed"])
    return by_name(run.record["network"], len(run.record["classes"]))


def without_batch_norm(network: nn.Module) -> nn.Module:
    """A copy of the network with the identity in place of every batch norm."""
    bare = copy.deepcopy(network)
    for module in list(bare.modules()):
        for name, part in list(module.named_children()):
            if isinstance(part, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return bare


def rounded(values: Iterable[float] | Tensor) -> list[float]:
    """To four significant digits, as the records keep them."""
    return [float(f"{float(value):.4g}") for value in values]
