"""What a network makes of pictures it does not learn from: logits, loss, error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import Pictures, normalise


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats, and the share of wrong answers in per cent."""

    loss: float
    error: float


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module is in the mode it was in before."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


@torch.no_grad()
def logits(
    network: nn.Module,
    images: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    batch: int = 500,
) -> Tensor:
    """The network's answers to uint8 pictures (N, 3, H, W): float (N, num_classes).

    The network is put in evaluation mode for the while and left as it was found.
    """
    if len(images) == 0:
        raise ValueError("there are no pictures to evaluate")
    device = next(network.parameters()).device
    with evaluating(network):
        return torch.cat(
            [
                network(_channels_last(normalise(some.to(device), mean, std)))
                for some in images.split(batch)
            ]
        )


def evaluate(
    network: nn.Module, pictures: Pictures, mean: tuple[float, ...], std: tuple[float, ...]
) -> Score:
    """Loss and error on all of `pictures`, one view of each, as in section 4.2 of the paper."""
    answers = logits(network, pictures.images, mean, std)
    labels = pictures.labels.to(answers.device)
    loss = F.cross_entropy(answers.float(), labels).item()
    wrong = (answers.argmax(1) != labels).sum().item()
    return Score(loss, 100 * wrong / len(labels))


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
