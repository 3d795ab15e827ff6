"""The checks of the exercise cards in *Faster*. None of them looks at a real clock."""

from collections.abc import Callable

from . import Verdict, ask, check
from .faster_race import race as race
from .faster_rounding import descend as descend


@check
def intensity(answer: Callable[[int, int, int, int, int, int], float]) -> Verdict:
    """Checks `answer(ins, outs, side, stride, batch, width)`: multiply-adds a byte moved."""
    cases = (
        *((3, 16, 32, 1, 128, 4), (16, 16, 32, 1, 128, 4), (64, 64, 8, 1, 128, 4)),
        *((64, 64, 8, 1, 1, 4), (16, 32, 32, 2, 128, 8), (5, 7, 12, 2, 3, 8)),
    )
    for case in cases:
        given = ask(answer, *case)
        if not isinstance(given, (int, float)) or isinstance(given, bool):
            return Verdict(False, f"The answer should be a plain number, not {given!r}.")
        if not _near(given, _intensity(*case)):
            said = f"For {case} you say {given:.4g}."
            return Verdict(False, f"{said} {_misjudged(given, *case)}")
    return Verdict(True, "Six layers, six intensities.")


def _intensity(ins: int, outs: int, side: int, stride: int, batch: int, width: int) -> float:
    out = side // stride
    work = 9 * ins * outs * out**2 * batch
    return work / (width * (batch * (ins * side**2 + outs * out**2) + 9 * ins * outs))


def _misjudged(
    given: float, ins: int, outs: int, side: int, stride: int, batch: int, width: int
) -> str:
    """What one most likely forgot to come to `given`."""
    out, weights = side // stride, 9 * ins * outs
    work = weights * out**2 * batch
    read, written = batch * ins * side**2, batch * outs * out**2
    moved = read + written + weights
    known = {
        "The weights have to be fetched too.": work / (width * (read + written)),
        "The weights are fetched once for the whole batch, not once a picture.": (
            work / (width * (read + written + batch * weights))
        ),
        "That is work a value. A value has `width` bytes.": work / moved,
        "You multiply by the bytes of a value where you should divide.": work * width / moved,
        "What is written has to be moved as well as what is read.": (
            work / (width * (read + weights))
        ),
        "What is read has to be moved as well as what is written.": (
            work / (width * (written + weights))
        ),
        "With stride 2 the output is smaller than the input: both its side and its work.": (
            weights * side**2 * batch / (width * (read + batch * outs * side**2 + weights))
        ),
        "A kernel of stride 2 is used at the output's positions only: a quarter of the work.": (
            weights * side**2 * batch / (width * moved)
        ),
        "The output of stride 2 has a quarter of the positions: fewer bytes, too.": (
            work / (width * (read + batch * outs * side**2 + weights))
        ),
        "A multiplication and its addition count as one here, as in *Tracing every shape*.": (
            2 * work / (width * moved)
        ),
        "The kernel has 3 × 3 weights for each pair of channels.": (
            work / 9 / (width * (read + written + weights / 9))
        ),
        "That is one picture's work for a whole batch's bytes.": work / batch / (width * moved),
        "You have turned it over: that is bytes for each multiply-add.": width * moved / work,
    }
    return next(
        (message for message, value in known.items() if _near(given, value)),
        "Work: weights times positions of the output. Bytes: input, output and weights, each once.",
    )


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * abs(b)
