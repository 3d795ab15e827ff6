"""The checks of the exercise cards in *The recipe*."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from . import Verdict, ask, check, own_dice
from .recipe_rates import rates as rates
from .recipe_resume import resume as resume
from .recipe_sgd import caffe as caffe


class _Watch(TorchFunctionMode):
    """Notes the names of PyTorch's functions that are called inside."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        self.names.add(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))


_READY_MADE = {
    *("cross_entropy", "cross_entropy_loss", "nll_loss"),
    *("log_softmax", "logsumexp", "special_log_softmax", "special_logsumexp"),
}


@check
def cross_entropy(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Checks `answer(logits, labels)`: the mean cross-entropy of a batch, for any finite logits."""
    with own_dice():
        easy = 2 * torch.randn(6, 12, dtype=torch.float64)
    labels = torch.tensor([3, 1, 4, 1, 5, 9])
    far = easy.clone()
    far[0, 0] += 1500  # and the label there is 3
    mixed = easy + torch.tensor([1000.0, -1000, 0, 0, 500, -500])[:, None]
    for logits, trouble in (
        (easy, ""),
        (
            easy + 1000,
            "With logits of about 1,000 you say {}: exp(1000) is more than float64 can hold. The "
            "same number taken from all logits of a row changes no softmax.",
        ),
        (
            mixed,
            "With one row about 1,000 and the next about -1,000 you say {}. Is it the largest "
            "logit of the whole batch that you take away? Each row has its own.",
        ),
        (
            far,
            "With a right answer 1,500 below the largest logit you say {}, and it is about 250: a "
            "probability of exp(-1500) is 0 in float64. Never compute it; stay with logarithms.",
        ),
    ):
        leaf, truth = logits.clone().requires_grad_(), F.cross_entropy(logits, labels)
        with _Watch() as seen:
            given = ask(answer, leaf, labels)
        if seen.names & _READY_MADE:
            return Verdict(False, f"`{min(seen.names & _READY_MADE)}` has it ready-made. Write it.")
        if fault := _unlike_a_loss(given, leaf):
            return Verdict(False, fault)
        value = given.detach()
        if not torch.allclose(value, truth, rtol=1e-10):
            message = trouble.format(value.item()) if trouble else _mistaken(value, leaf, labels)
            return Verdict(False, message)
        given.backward()
        slope = (logits.softmax(1) - F.one_hot(labels, logits.shape[1])) / len(labels)
        if leaf.grad is None or not torch.allclose(leaf.grad, slope, atol=1e-9):
            return Verdict(False, "The loss is right, its gradient is not: what was detached?")
    return Verdict(True, "Right to ten digits, logits of a thousand included, and so is its slope.")


def _unlike_a_loss(given: object, leaf: Tensor) -> str:
    """Why `given` cannot be a loss that something is learned from, or ""."""
    if isinstance(given, Tensor) and given.shape == (len(leaf),):
        return "That is a loss a picture. A batch has one loss, their mean."
    if not isinstance(given, Tensor) or given.shape != ():
        return "The loss should be a tensor of one number, shape ()."
    if not given.requires_grad:
        return "No gradient would come through: `.item()`, `.detach()` or a new tensor cut it off."
    return ""


def _mistaken(value: Tensor, leaf: Tensor, labels: Tensor) -> str:
    """What one most likely did to come to `value` with ordinary logits."""
    logits = leaf.detach()
    truth = F.cross_entropy(logits, labels)
    classes = logits.shape[1]
    p, hot = logits.softmax(1), F.one_hot(labels, classes)
    known = {
        "That is the sum over the batch. The mean keeps the step's size the same for any batch.": (
            truth * len(labels)
        ),
        "You divide by pictures times classes. Only the pictures are averaged.": truth / classes,
        "Those are bits: you took the logarithm to base 2. Nats use `log`.": truth / math.log(2),
        "You took the logarithm to base 10. Nats use `log`.": truth / math.log(10),
        "The sign is the wrong way round: the surer of the right answer, the smaller the loss.": (
            -truth
        ),
        "That is the logit alone. What all classes share out is missing: log of the sum of exp.": (
            -logits[hot.bool()].mean()
        ),
        "That is the probability, without its logarithm.": -p[hot.bool()].mean(),
        "Your softmax runs over the pictures; it shares out between classes: dimension 1.": (
            -logits.softmax(0)[hot.bool()].log().mean()
        ),
        "You sum over all classes. Only the right one's logarithm counts.": -p.log().sum(1).mean(),
        "That is a squared error of the probabilities.": (p - hot).pow(2).sum(1).mean(),
    }
    for message, wrong in known.items():
        if torch.allclose(value, wrong, rtol=1e-10):
            return message
    if torch.allclose(value, truth, rtol=1e-3):
        return "Near, not right. A small number added or a clamp hides the trouble and bends it."
    return f"Here the loss is {truth:.6f} and you say {value:.6f}: log Σ exp(z) − z of the label."
