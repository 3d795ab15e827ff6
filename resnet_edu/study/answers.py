"""What one network answers to CIFAR-10's test pictures, and how far such numbers can be believed.

    python -m resnet_edu.study.answers

leaves `records/measurements/answers.json`, for *Predictions* and the gallery: answers and how sure
they are, no pictures. It needs CIFAR-10 at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checkpoint import load_checkpoint
from ..data import load
from ..evaluate import logits
from ..records import ROOT, read_measurement, read_run, write_measurement
from ..train import SPLIT

COMMAND = "python -m resnet_edu.study.answers"
RUN = "resnet20-cifar10-brief-s0"  # whose answers; after a change, run the command again
TEMPERATURES = [round(0.7 + 0.05 * step, 2) for step in range(21)]


@dataclass(frozen=True)
class Answers:
    """What `run` answers to the test pictures, in the order of their `rank`; all of them (N,).

    `labels`, the true ones, `first` and `second`, the two likeliest, and the answers to the
    `mirrored` pictures and to `both` views together are int64. `confidence` is the probability of
    `first`, float64, and `tempered` the same at `temperature`, which was fitted on validation.
    """

    run: str
    temperature: float
    labels: Tensor
    first: Tensor
    second: Tensor
    mirrored: Tensor
    both: Tensor
    confidence: Tensor
    tempered: Tensor


def read_answers(name: str = "answers") -> Answers:
    """The answers as `measure` left them in `measurements/<name>.json`."""
    (row,) = (row for row in read_measurement(name) if row["what"] == "answers")
    digits = ("first", "second", "mirrored", "both")
    whole = {key: torch.tensor([int(digit) for digit in row[key]]) for key in digits}
    pairs = zip(row["first"], row["mistakes"], strict=True)
    whole["labels"] = torch.tensor([int(f if right == "." else right) for f, right in pairs])
    odds = {
        key: torch.tensor(row[key], dtype=torch.float64).div(100).sigmoid()
        for key in ("confidence", "tempered")
    }
    return Answers(row["run"], row["temperature"], **whole, **odds)


def confusion(labels: Tensor, predicted: Tensor, classes: int = 10) -> Tensor:
    """How many pictures of each class (row) get each answer (column): int64 (classes, classes)."""
    pairs = classes * labels + predicted
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def reliability(confidence: Tensor, right: Tensor, bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """Of each bin of confidence its pictures, the right answers it promises, and those it has.

    All (bins,); bins of equal width from 0 to 1, 1 itself in the last.
    """
    which = (confidence * bins).long().clamp(max=bins - 1)
    pictures = torch.bincount(which, minlength=bins)
    promised = torch.bincount(which, confidence, bins)
    kept = torch.bincount(which, right.double(), bins)
    return pictures, promised, kept


def calibration_error(confidence: Tensor, right: Tensor, bins: int = 15) -> Tensor:
    """The expected calibration error, 0 to 1: what promised and kept differ by, bin by bin.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (2017).
    """
    _, promised, kept = reliability(confidence, right, bins)
    return (promised - kept).abs().sum() / len(confidence)


def honest(confidence: Tensor, seed: int = 0) -> Tensor:
    """Which answers are right, bool (N,), if each is so with exactly its confidence: dice."""
    dice = np.random.RandomState(seed).rand(len(confidence))
    return torch.from_numpy(dice) < confidence


def climb(
    first: Tensor,
    second: Tensor,
    doubtful: Tensor,
    score: Callable[[Tensor], int],
    files: int = 1000,
    seed: int = 0,
) -> Tensor:
    """Better answers, int64 (N,), learned from nothing but the score of `files` files of answers.

    In each file a coin decides at every `doubtful` position between the first and the second guess.
    A position keeps its second guess if the files that had it there scored higher than the others.
    The idea is Blum and Hardt's: The Ladder (2015).
    """
    coins = np.random.RandomState(seed).randint(0, 2, (files, len(doubtful)))
    coins = torch.from_numpy(coins).long()
    scores = torch.zeros(files, dtype=torch.int64)
    for file in range(files):
        answers = first.clone()
        swapped = doubtful[coins[file] == 1]
        answers[swapped] = second[swapped]
        scores[file] = score(answers)
    times = coins.sum(0)
    # The mean score with the second guess, against the mean of all files.
    better = scores @ coins * files > scores.sum() * times
    answers = first.clone()
    answers[doubtful[better]] = second[doubtful[better]]
    return answers


def fit_temperature(answers: Tensor, labels: Tensor) -> float:
    """The T at which softmax(answers / T) makes `labels` likeliest; `answers` are logits (N, K).

    The mean cross-entropy is convex in 1/T, so its slope is halved in on.
    """
    answers = answers.double()
    truth = answers.gather(1, labels[:, None]).mean()
    low, high = 1e-3, 1e3  # of 1/T
    for _ in range(60):
        middle = (low * high) ** 0.5
        expected = ((answers * middle).softmax(1) * answers).sum(1).mean()
        low, high = (low, middle) if expected > truth else (middle, high)
    return (low * high) ** -0.5


def _odds(probabilities: Tensor) -> list[int]:
    """The log-odds of the likeliest class, in hundredths: few digits, and none lost near 1."""
    top = probabilities.topk(1).values[:, 0]
    others = probabilities.sum(1) - top
    return (100 * (top / others.clamp_min(1e-12)).log()).round().long().tolist()


def _digits(classes: Tensor) -> str:
    return "".join(str(label) for label in classes.tolist())


def _mistakes(answers: Tensor, labels: Tensor) -> str:
    """A sign a picture: a dot for a right answer, for a wrong one the class it should have been."""
    pairs = zip(_digits(answers), _digits(labels), strict=True)
    return "".join("." if answer == label else label for answer, label in pairs)


def measure() -> list[dict]:
    """The answers in one row, then a row a temperature with both parts' mean cross-entropy."""
    network, about = load_checkpoint(read_run(ROOT / "runs" / RUN).checkpoint)
    dataset = load(about.dataset)
    test, validation = dataset.test[dataset.test.rank()], dataset.split(SPLIT)[1]

    def ask(images: Tensor) -> Tensor:
        return logits(network, images, about.mean, about.std).double()

    upright, mirrored, held_out = map(ask, (test.images, test.images.flip(3), validation.images))
    temperature = fit_temperature(held_out, validation.labels)
    two = upright.topk(2).indices
    row = {
        "what": "answers",
        "run": RUN,
        "dataset": about.dataset,
        "fingerprint": dataset.fingerprint,
        "temperature": round(temperature, 4),
        "first": _digits(two[:, 0]),
        "mistakes": _mistakes(two[:, 0], test.labels),
        "second": _digits(two[:, 1]),
        "mirrored": _digits(mirrored.argmax(1)),
        "both": _digits((upright.softmax(1) + mirrored.softmax(1)).argmax(1)),
        "confidence": _odds(upright.softmax(1)),
        "tempered": _odds((upright / temperature).softmax(1)),
    }
    rows = [row]
    for t in TEMPERATURES:
        losses = {
            "validation": F.cross_entropy(held_out / t, validation.labels).item(),
            "test": F.cross_entropy(upright / t, test.labels).item(),
        }
        rows.append({"what": "temperature", "run": RUN, "temperature": t, **losses})
    return rows


if __name__ == "__main__":
    write_measurement("answers", COMMAND, measure())
