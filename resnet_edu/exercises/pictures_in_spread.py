"""The check of the exercise card in *Pictures in* that is about a mean and a deviation."""

import weakref
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from . import Verdict, nothing, own_dice, raised


def mean_and_std(answer: Callable[[Iterator[Tensor]], tuple]) -> Verdict:
    """Checks `answer(batches)`: mean and deviation of all pixels, from a stream of batches."""
    with own_dice():
        batches = _batches()
    watch = Watch()
    try:
        with watch:
            given = answer(_stream(batches, watch))
        if given is None:
            return nothing(answer)
        mean, std = (torch.as_tensor(part).double().reshape(3) for part in given)
    except Exception as error:
        return raised(error)
    if fault := _why_not_spread(mean, std, batches):
        return Verdict(False, fault)
    if watch.kept:
        return Verdict(False, "Right, but you hold all pictures at once: let each batch go.")
    return Verdict(True, "Three means and three deviations, and never more than a batch in memory.")


def _batches() -> list[Tensor]:
    """Three batches of different sizes; pictures of different brightness, channels too."""
    tint, contrast = torch.tensor([[0, 9, 30], [10, 20, 6]])[:, None, :, None, None]
    batches = []
    for count, low in ((7, 90), (4, 150), (2, 10)):
        brightness = torch.randint(low, low + 60, (count, 3, 1, 1))
        grain = torch.randint(0, 16, (count, 3, 4, 4)) * contrast // 10
        batches.append((brightness + tint + grain).to(torch.uint8))
    return batches


def _stream(batches: list[Tensor], watch: "Watch") -> Iterator[Tensor]:
    """Copies of the batches, once; `watch` learns what was still held two batches later."""
    for batch in batches:
        watch.begin(batch.numel())
        copy = batch.clone()
        yield copy
        del copy
        watch.kept |= any(made() is not None for earlier in watch.made[:-1] for made in earlier)


class Watch(TorchFunctionMode):
    """Counts the calls into torch, and notices what is kept of the batches that have begun.

    `made` has, for each of them, references to what was made in the size of the batch.
    """

    def __init__(self):
        super().__init__()
        self.calls = self.size = self.begun = 0
        self.made: list[list[weakref.ref]] = []
        self.kept = False

    def begin(self, size: int) -> None:
        """The next batch comes, of so many numbers."""
        self.size = size
        self.begun += size
        self.made.append([])

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        result = func(*args, **(kwargs or {}))
        numbers = result.numel() if isinstance(result, Tensor) else -1
        if isinstance(result, np.ndarray):
            numbers = result.size
        if func in (torch.cat, torch.stack) and len(self.made) > 1:
            self.kept |= numbers == self.begun  # all that came so far, joined
        if self.made and numbers == self.size:
            self.made[-1].append(weakref.ref(result))
        return result


def _why_not_spread(mean: Tensor, std: Tensor, batches: list[Tensor]) -> str:
    """What is wrong with mean and deviation, or "" if nothing is."""
    pixels = torch.cat(batches).double() / 255
    flat = pixels.transpose(0, 1).flatten(1)  # (3, all pixels of a channel)
    true_mean, true_std = flat.mean(1), flat.std(1, correction=0)
    parts = [batch.double() / 255 for batch in batches]
    in_bytes, mixed = "In units of 0 … 1, please: 255 is 1.", "Do not mix the three channels."
    near = f"The mean should be near {_three(true_mean)}, not {_three(mean)}."
    known = {
        "": [true_mean],
        in_bytes: [255 * true_mean],
        mixed: [flat.mean().expand(3)],
        "Batches of 7, 4 and 2 pictures do not weigh the same: your mean is that of their means.": [
            torch.stack([part.mean((0, 2, 3)) for part in parts]).mean(0)
        ],
    }
    if fault := first_of(known, mean, near):
        return fault
    wrapped = torch.cat(batches).pow(2).double().mean((0, 2, 3)) / 255**2 - true_mean**2
    if bool(std.isnan().any()) or torch.allclose(std, wrapped.abs().sqrt()):
        return "A byte times a byte is a byte again, and wraps round at 256: make floats first."
    weights, own, by_batch = torch.tensor([[7.0], [4.0], [2.0]]).double() / 13, [], []
    for less in (0, 1):
        own.append(pixels.std((2, 3), correction=less).mean(0))
        each = torch.stack([part.var((0, 2, 3), correction=less) for part in parts])
        by_batch += [each.sqrt().mean(0), (weights * each.sqrt()).sum(0)]
        by_batch += [each.mean(0).sqrt(), (weights * each).sum(0).sqrt()]
    known = {
        "": [true_std],
        "You divide by n − 1. These are all pixels, no sample of them.": [flat.std(1)],
        "That is the variance. Its root is the deviation.": [true_std**2],
        in_bytes: [255 * true_std],
        mixed: [flat.std(correction=0).expand(3)],
        "Each picture's own deviation, averaged: the number everybody copies.": own,
        "You average over batches. What differs between the batches is lost that way.": by_batch,
        "What differs between the pictures is missing: that is the spread within them.": [
            pixels.var((2, 3), correction=0).mean(0).sqrt()
        ],
    }
    return first_of(
        known, std, f"The deviation should be near {_three(true_std)}, not {_three(std)}."
    )


def _three(values: Tensor) -> str:
    return f"({', '.join(f'{value:.4f}' for value in values)})"


def first_of(known: dict[str, list[Tensor]], given: Tensor, otherwise: str) -> str:
    """The first message one of whose answers is the one given."""
    for message, answers in known.items():
        if any(torch.allclose(given, answer, rtol=1e-4) for answer in answers):
            return message
    return otherwise
