"""The checks of the exercise cards in *Predictions*."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..study.answers import calibration_error, fit_temperature
from . import Verdict, ask, check, nothing, own_dice, raised

LABELS = {3: 7, 12: 0, 20: 4, 100: 7, 101: 2, 9: 9}
WHOLE = [("3", "7"), ("12", "1"), ("20", "4"), ("100", "7"), ("101", "4"), ("9", "9")]
SHUFFLED = [WHOLE[i] for i in (4, 0, 3, 5, 2, 1)]


def wrong_answers(answer: Callable[[list, dict], int | None]) -> Verdict:
    """Checks `answer(rows, labels)`: wrong answers in a file, None where it is not one each."""
    twice = WHOLE[:5] + [("3", "7")]
    foreign = WHOLE[:5] + [("0", "9")]
    for rows, wanted, fault in (
        (WHOLE, 2, _miscounted),
        (SHUFFLED, 2, _misplaced),
        (WHOLE[:5], None, _about("It holds five answers to six pictures, picture 9 has none.")),
        (WHOLE + [("3", "7")], None, _about("Picture 3 stands there two times.")),
        (twice, None, _about("Six rows for six pictures, but 3 is there twice and 9 is not.")),
        (foreign, None, _about("Six rows for six pictures, but there is no picture 0.")),
        (WHOLE + [("500", "1")], None, _about("It answers a picture 500 that nobody asked for.")),
    ):
        try:
            given = answer(list(rows), dict(LABELS))
        except Exception as error:
            if wanted is None:
                return Verdict(
                    False, f"You raised {type(error).__name__}. {fault(None, rows)} Return None."
                )
            return raised(error)
        if given is None and rows is WHOLE:
            return nothing(answer, "You return None for a file with an answer to each picture.")
        if given != wanted or isinstance(given, bool):
            return Verdict(False, fault(given, rows))
    return Verdict(True, "Two whole files counted by Id, five bad ones refused.")


def _about(words: str) -> Callable[[object, list], str]:
    def fault(given: object, rows: list) -> str:
        return words if given is None else f"You say {given!r} of a bad file. {words}"

    return fault


def _miscounted(given: object, rows: list) -> str:
    """What one most likely did to come to `given` for a file in order."""
    if given == len(rows):
        return "Every answer counts as wrong: the file holds text, and '7' is not 7."
    if given == len(rows) - 2:
        return f"{given} is how many are right."
    if isinstance(given, float):
        return "Return how many, not which share."
    return f"Two of the six are wrong, the answers to 12 and to 101; you say {given!r}."


def _misplaced(given: object, rows: list) -> str:
    """The same where only the rows' order has changed."""
    at_place = sum(int(a) != b for (_, a), b in zip(rows, LABELS.values(), strict=True))
    if given == at_place:
        return (
            "Shuffle the rows of a file, and you count otherwise: you pair answers and labels by "
            "where they stand. Pair them by Id."
        )
    for name, key in (("as text", str), ("as numbers", int)):
        in_order = sorted(rows, key=lambda row: key(row[0]))
        wrong = sum(int(a) != b for (_, a), b in zip(in_order, LABELS.values(), strict=True))
        if given == wrong:
            return (
                f"You sort the Ids {name} and go by place after that: the labels are in an order "
                "of their own. Look each one up."
            )
    return f"The same file with its rows shuffled has two wrong answers as before, not {given!r}."


def _is_number(given: object) -> bool:
    return isinstance(given, (int, float, Tensor)) and torch.as_tensor(given).numel() == 1


@check
def even_calibration_error(answer: Callable[[Tensor, Tensor, int], Tensor]) -> Verdict:
    """Checks `answer(confidence, right, bins)`: calibration error over bins of equal numbers."""
    for count, bins in ((600, 6), (1000, 20), (90, 90)):
        with own_dice():
            confidence = torch.rand(count, dtype=torch.float64).sqrt()
            right = torch.rand(count, dtype=torch.float64) < 0.9 * confidence
        given = ask(answer, confidence.clone(), right.clone(), bins)
        if not _is_number(given):
            return Verdict(False, f"The answer should be one number, not {given!r}.")
        known = _calibrations(confidence, right, bins)
        if not _close(given, known.pop("")):
            case = f"With {count} pictures in {bins} bins you say {float(given):.4f}"
            for words, value in known.items():
                if _close(given, value):
                    return Verdict(False, f"{case}. {words}")
            return Verdict(
                False, f"{case}. Sort, cut into bins, add up |promised − kept|, divide by pictures."
            )
    return Verdict(True, "Equal numbers in every bin, down to bins of a single picture.")


def _close(given: object, wanted: float | Tensor) -> bool:
    return math.isclose(float(given), float(wanted), rel_tol=1e-9, abs_tol=1e-12)


def _calibrations(confidence: Tensor, right: Tensor, bins: int) -> dict[str, Tensor]:
    """What is asked for, under "", and what comes of mistakes, under what to say about each."""
    order = confidence.argsort()

    def gaps(confidence: Tensor, right: Tensor) -> Tensor:
        return (confidence - right.double()).view(bins, -1).sum(1)

    true, count = gaps(confidence[order], right[order]), len(right)
    return {
        "": true.abs().sum() / count,
        "Those bins have equal width; here each should have equally many pictures.": (
            calibration_error(confidence, right, bins)
        ),
        "You sorted the confidences and left `right` as it was: the two belong together.": (
            gaps(confidence[order], right).abs().sum() / count
        ),
        "The pictures must be sorted by confidence before they are cut into bins.": (
            gaps(confidence, right).abs().sum() / count
        ),
        "Without | | a bin that promises too much pays for one that promises too little.": (
            true.sum() / count
        ),
        "Confidence belongs beside the share that is right; you took the share that is wrong.": (
            gaps(confidence[order], ~right[order]).abs().sum() / count
        ),
        "That is the sum over the bins; each counts with its share of the pictures.": (
            true.abs().sum() / (count / bins)
        ),
        "That is the worst bin alone.": true.abs().max() / (count / bins),
        "Those are pictures; divide by how many there are.": true.abs().sum(),
        "You square the gaps: that is another measure.": (
            (true / (count / bins)).square().mean().sqrt()
        ),
    }


@check
def temperature(answer: Callable[[Tensor, Tensor], float]) -> Verdict:
    """Checks `answer(logits, labels)`: the temperature that makes the labels likeliest."""
    for true in (1.7, 0.4, 12.0, 0.02):
        with own_dice():
            honest = 2 * torch.randn(2000, 10, dtype=torch.float64)
            labels = torch.multinomial(honest.softmax(1), 1)[:, 0]
        logits = true * honest
        mine = logits.clone()
        given = ask(answer, mine, labels.clone())
        if not _is_number(given):
            return Verdict(False, f"The answer should be one number, not {given!r}.")
        if not torch.equal(mine, logits):
            return Verdict(False, "You have changed the logits you were given: `z / t`, not `/=`.")
        given, wanted = float(given), fit_temperature(logits, labels)
        if not abs(given / wanted - 1) < 0.01:
            return Verdict(False, f"You say {given:.4g}. {_mistempered(given, logits, labels)}")
    return Verdict(
        True, "Within one per cent, for logits too large and too small, somewhat and by far."
    )


def _mistempered(given: float, logits: Tensor, labels: Tensor) -> str:
    """What one most likely did to come to `given`."""
    wanted = fit_temperature(logits, labels)

    def loss(t: float) -> float:
        return F.cross_entropy(logits / t, labels).item()

    if not math.isfinite(given) or given <= 0:
        return "A temperature is above 0 and finite."
    if abs(given * wanted - 1) < 0.02:
        return "That is 1 / T: you multiply the logits by it. Divide."
    again = fit_temperature(logits.softmax(1), labels)
    if abs(given / again - 1) < 0.02:
        return "You take the softmax two times: `F.cross_entropy` wants logits, no probabilities."
    grid = [wanted * 1.02**step for step in range(-60, 61)]
    errors = [
        calibration_error(p.max(1).values, p.argmax(1) == labels).item()
        for p in ((logits / t).softmax(1) for t in grid)
    ]
    best = grid[errors.index(min(errors))]
    if abs(given / best - 1) < 0.015 and abs(best / wanted - 1) > 0.02:
        return (
            "There the binned calibration error is least, and it hangs on the bins. Make the "
            "cross-entropy least."
        )
    if abs(given / wanted - 1) < 0.12:
        return (
            f"Near. At {wanted:.4g} the cross-entropy is lower by {loss(given) - loss(wanted):.1g}"
            "; search more finely there."
        )
    if given == 1:
        return (
            "The error is the same at every temperature, and cannot choose one: the largest logit "
            "stays the largest. Use the cross-entropy."
        )
    side = "above" if wanted > given else "below"
    return (
        f"The cross-entropy there is {loss(given):.3f}; {side} it goes down to {loss(wanted):.3f}. "
        "Does your search end before that, or go uphill?"
    )
