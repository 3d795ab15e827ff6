"""The checks of the exercise cards in *Pictures in*."""

from collections.abc import Callable

import torch
from torch import Tensor

from . import Verdict, ask, check, nothing, own_dice, raised
from .pictures_in_spread import Watch, first_of
from .pictures_in_spread import mean_and_std as mean_and_std

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
    why = first_of(known, given, "What is the chance that one view has not come in so many looks?")
    return Verdict(False, f"After 182 looks you expect {given[3]:.4g} views. {why}")


def _views(of: int) -> Tensor:
    """How many of `of` equally likely views one expects to have met, after each of LOOKS."""
    return of * (1 - (1 - 1 / of) ** LOOKS)


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
    with Watch() as watch:
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
