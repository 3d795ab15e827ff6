"""The checks of the exercise cards in *Pictures in*."""

import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from . import Verdict, ask, check, nothing, own_dice, raised

LOOKS = torch.tensor([1, 2, 30, 182, 2000], dtype=torch.float64)


def different_views(answer: Callable[[int], float]) -> Verdict:
    """Checks `answer(times)`: how many different views one expects to have seen by then."""
    given = []
    for times in map(int, LOOKS):
        try:
            if (value := answer(times)) is None:
                return nothing(answer)
            given.append(float(value))
        except Exception as error:
            return raised(error)
    given, truth = torch.tensor(given).double(), _views(162)
    if torch.allclose(given, truth):
        return Verdict(True, "One view at the first look, 110 in the paper's 182 epochs.")
    known = {
        "There are 81 crops, and each comes flipped and unflipped.": [_views(81)],
        "A corner has nine rows to be in, 0 to 8 with both ends, not eight.": [_views(128)],
        "The untouched picture is a view like the others.": [_views(161)],
        "Row and column are drawn each for itself: 9 · 9 corners, not 9 + 9.": [_views(36)],
        "That would be so if no view ever came twice.": [LOOKS.clamp(max=162)],
        "That is the chance of having met one particular view. How many are there?": [truth / 162],
        "Those are the views that have not come yet.": [162 - truth],
        "That is how many there are, however often one looks.": [truth * 0 + 162],
        "An expectation need not be a whole number: do not round.": [truth.round(), truth.floor()],
    }
    why = _first(known, given, "What is the chance that one view has not come in so many looks?")
    return Verdict(False, f"After 182 looks you expect {given[3]:.4g} views. {why}")


def _views(of: int) -> Tensor:
    """How many of `of` equally likely views one expects to have met, after each of LOOKS."""
    return of * (1 - (1 - 1 / of) ** LOOKS)


def _first(known: dict[str, list[Tensor]], given: Tensor, otherwise: str) -> str:
    """The first message one of whose answers is the one given."""
    for message, answers in known.items():
        if any(torch.allclose(given, answer, rtol=1e-4) for answer in answers):
            return message
    return otherwise


def mean_and_std(answer: Callable[[Iterator[Tensor]], tuple]) -> Verdict:
    """Checks `answer(batches)`: mean and deviation of all pixels, from a stream of batches."""
    with own_dice():
        batches = _batches()
    watch, kept = _Watch(), []
    try:
        with watch:
            given = answer(_stream(batches, kept))
        if given is None:
            return nothing(answer)
        mean, std = (torch.as_tensor(part).double().reshape(3) for part in given)
    except Exception as error:
        return raised(error)
    if fault := _why_not_spread(mean, std, batches):
        return Verdict(False, fault)
    if any(kept) or watch.joined >= sum(batch.numel() for batch in batches):
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


def _stream(batches: list[Tensor], kept: list[bool]) -> Iterator[Tensor]:
    """Copies of the batches, once; `kept` learns whether one was still held two batches later."""
    given = []
    for batch in batches:
        copy = batch.clone()
        given.append(weakref.ref(copy))
        yield copy
        del copy
        kept.append(any(earlier() is not None for earlier in given[:-1]))


class _Watch(TorchFunctionMode):
    """Counts the calls into torch, and the numbers in the largest tensor that was joined."""

    calls = joined = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        result = func(*args, **(kwargs or {}))
        if func in (torch.cat, torch.stack):
            self.joined = max(self.joined, result.numel())
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
    if fault := _first(known, mean, near):
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
    return _first(
        known, std, f"The deviation should be near {_three(true_std)}, not {_three(std)}."
    )


def _three(values: Tensor) -> str:
    return f"({', '.join(f'{value:.4f}' for value in values)})"


@check
def cutout(answer: Callable[..., Tensor]) -> Verdict:
    """Checks `answer(images, row, column, size)`: a black square in each picture, at its place."""
    with own_dice():
        images = torch.randint(1, 256, (6, 3, 16, 12), dtype=torch.uint8)
        corners = torch.tensor([[3, 4], [9, 1], [-3, 2], [14, 5], [6, -2], [2, 10]])
        row, column = corners.unbind(1)
        for size in (5, 4):
            before = images.clone()
            given = ask(answer, images, row, column, size)
            if not torch.equal(images, before):
                return Verdict(False, "You changed the pictures you were given. They come again.")
            if fault := _why_not_cut(given, images, row, column, size):
                return Verdict(False, fault)
        few, many = (_calls(answer, images[:n], row[:n], column[:n]) for n in (2, 6))
    if many > few:
        loop = f"But {few} calls into torch for 2 pictures and {many} for 6: that is a loop."
        return Verdict(False, f"The holes are right. {loop} (N, 1) against (H,) makes (N, H).")
    return Verdict(True, f"Six holes, each in its place, in {many} calls however many pictures.")


def _calls(answer: Callable[..., Tensor], *arguments: Tensor) -> int:
    with _Watch() as watch:
        answer(*arguments, 4)
    return watch.calls


def _hole(images: Tensor, row: Tensor, column: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Which rows and which columns lie in each hole: bool (N, 1, H, 1) and (N, 1, 1, W)."""
    down, across = (torch.arange(side) for side in images.shape[2:])
    rows = (down >= row[:, None]) & (down < row[:, None] + size)
    columns = (across >= column[:, None]) & (across < column[:, None] + size)
    return rows[:, None, :, None], columns[:, None, None, :]


def _why_not_cut(given: Tensor, images: Tensor, row: Tensor, column: Tensor, size: int) -> str:
    """What is wrong with the pictures, or "" if nothing is."""
    if not isinstance(given, Tensor) or given.shape != images.shape:
        return f"It should return pictures of shape {tuple(images.shape)}."
    if given.dtype != torch.uint8:
        return f"Bytes go in, bytes should come out, not {given.dtype}."
    rows, columns = _hole(images, row, column, size)
    hole = rows & columns
    if torch.equal(given, wanted := images.masked_fill(hole, 0)):
        return ""
    if torch.equal(given, images):
        return "The pictures are as they were: no hole in any."

    def cut(r: Tensor, c: Tensor, larger: int = 0) -> Tensor:
        y, x = _hole(images, r, c, size + larger)
        return images.masked_fill(y & x, 0)

    height, width = images.shape[2:]
    outside = ((row < 0) | (column < 0))[:, None, None, None]
    other_holes = {
        "Every picture has the hole of the first one.": (row[:1].expand(6), column[:1].expand(6)),
        "Row and column are exchanged.": (column, row),
        "The hole is a pixel too large: its end is left out.": (row, column, 1),
        "The hole is a pixel too small.": (row, column, -1),
        "The place given is the hole's corner, not its centre.": (
            row - size // 2,
            column - size // 2,
        ),
        "Holes partly outside were moved back into the picture: cut them off.": (
            *(row.clamp(0, height - size), column.clamp(0, width - size)),
        ),
        "Holes that start above or left of the picture were moved to its edge: cut them off.": (
            *(row.clamp(min=0), column.clamp(min=0)),
        ),
    }
    known = {message: cut(*place) for message, place in other_holes.items()} | {
        "Where a corner is negative there is no hole: a slice from −3 to 2 is empty.": (
            images.where(outside, wanted)
        ),
        "Only red has a hole.": torch.cat([wanted[:, :1], images[:, 1:]], 1),
        "It is the other way round: all is black but the hole.": images.masked_fill(~hole, 0),
        "A cross, not a square: in the hole's rows *and* in its columns.": (
            images.masked_fill(rows | columns, 0)
        ),
    }
    for message, wrong in known.items():
        if torch.equal(given, wrong):
            return message
    if torch.equal(given.masked_fill(hole, 0), wanted):
        return f"The holes are in place, and not black: the first one holds {given[0, 0, 4, 5]}."
    where = (given != wanted).flatten(1).any(1).nonzero()[0, 0]
    return f"Picture {where}, with its corner at ({row[where]}, {column[where]}), is not as wanted."
