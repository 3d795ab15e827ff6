"""The check of the exercise card in *Faster* that is about rounding by dice."""

from collections.abc import Callable

import torch
from torch import Tensor

from . import Verdict, ask, check

ALL = 2**16  # every value that sixteen random bits can have
# A weight, which bfloat16 has exactly, and a step.
CASES = (
    *((0.1015625, 3e-5), (1.0, 0.001), (-1.0, 0.001), (1.0, -0.0005), (-0.75, -1e-4)),
    *((0.5, 0.0), (3.0, 0.25), (1.9921875, 1e-5), (0.0, 1e-3), (2.0, 2**-10)),
)


@check
def descend(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Checks `answer(weights, step, dice)`: bfloat16 weights less a step, rounded by dice.

    It is given every value the dice can have, once, and must be right on average, to the last bit.
    """
    weights = torch.tensor([w for w, _ in CASES]).bfloat16()[:, None].expand(-1, ALL).contiguous()
    step = torch.tensor([s for _, s in CASES])[:, None].expand(-1, ALL).contiguous()
    dice = torch.arange(ALL, dtype=torch.int32).expand(len(CASES), -1).contiguous()
    before = [given.clone() for given in (weights, step, dice)]
    with torch.random.fork_rng(devices=[]):
        found, again = (ask(answer, weights, step, dice) for _ in range(2))
    if not isinstance(found, Tensor) or found.shape != weights.shape:
        return Verdict(False, f"The answer should be a tensor of shape {tuple(weights.shape)}.")
    same = zip((weights, step, dice), before, strict=True)
    if not all(torch.equal(x, old) for x, old in same):
        return Verdict(False, "You change what you were given. Return new weights.")
    if found.dtype != torch.bfloat16:
        return Verdict(False, f"The weights are kept in bfloat16; yours are {found.dtype}.")
    if not torch.equal(found, again):
        return Verdict(
            False,
            "The same dice gave two results. Use those you are given, throw none of your own.",
        )
    for i in range(len(CASES)):
        if fault := _fault(found[i], weights[i, 0], step[i, 0]):
            w, s = CASES[i]
            return Verdict(False, f"A weight of {w:g}, a step of {s:g}: {fault}")
    return Verdict(True, "Ten weights, 65,536 dice each: right on average, to the last bit.")


def _neighbours(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """bfloat16's values next to a float32, towards 0 and away from it, and x's lower 16 bits."""
    bits = x.view(torch.int32)
    low = int(bits & (ALL - 1))
    inner = (bits & -ALL).view(torch.float32)
    outer = ((bits & -ALL) + ALL).view(torch.float32) if low else inner
    return inner.double(), outer.double(), low


def _fault(found: Tensor, w: Tensor, s: Tensor) -> str:
    """What is wrong with one weight's 65,536 results, or "" if nothing is."""
    x = w.float() - s
    inner, outer, low = _neighbours(x)
    values = found.double()
    mean, gap = values.mean(), outer - inner
    away = int((values == outer).sum()) if low else 0
    within = bool(((values == inner) | (values == outer)).all())
    if within and abs(away - low) <= 1:
        return ""
    if bool((values == values[0]).all()):
        return _deaf(values[0], x)
    known = {
        "you walk uphill: the step is taken away.": (w.float() + s).double(),
        "the step was rounded to bfloat16 before it was used, and lost digits there.": (
            w.float() - s.bfloat16().float()
        ).double(),
        "on average half a gap too far out. Do you round to the nearest after adding the dice? "
        "Cut the lower half off instead.": x.double() + gap / 2,
        "on average half a gap too far in. Dice from 0 to 65,535 suit cutting off; do not centre "
        "them.": x.double() - gap / 2,
        "rounded away from 0 when it should be towards, and the other way round: the more of the "
        "lower bits there are, the likelier it goes out.": inner + outer - x.double(),
    }
    for message, wrong in known.items():
        if abs(mean - wrong) <= 2e-4 * max(gap.abs(), 1e-12):
            return message
    if not within:
        return (
            f"it should become {inner:.8g} or {outer:.8g}, bfloat16's neighbours; yours goes from "
            f"{values.min():.8g} to {values.max():.8g}."
        )
    return f"it goes away from 0 with {away:,} of 65,536 dice; {low:,} would make the mean right."


def _deaf(value: Tensor, x: Tensor) -> str:
    """Why every die gave the same, where they should not."""
    if value == x.bfloat16().double():
        return (
            "every die gives the nearest value. Either they come in nowhere, or the difference was "
            "in bfloat16, and so rounded, before they did."
        )
    if value == _neighbours(x)[0]:
        return "every die cuts towards 0. Where do the dice come in?"
    return f"every die gives {value:.8g}."
