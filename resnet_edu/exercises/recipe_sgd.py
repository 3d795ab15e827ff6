"""The check of the exercise card in *The recipe* that is about an optimiser."""

from collections.abc import Callable

import torch
from torch import Tensor

from . import Verdict, nothing, own_dice, raised

MOMENTUM, DECAY = 0.8, 0.05
RATES = [0.1] * 5 + [0.01] * 5 + [0.2] * 5
# What comes before the rates change is the same in many a rule; the whole way decides.
Rule = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def caffe(answer: type) -> Verdict:
    """Checks `answer(parameters, momentum, weight_decay)`, whose `step(lr)` is Caffe's update."""
    with own_dice():
        start = [torch.randn(shape, dtype=torch.float64) for shape in ((4, 3, 3, 3), (4,), ())]
        slopes = [[torch.randn_like(w) for w in start] for _ in RATES]
    weights = [torch.nn.Parameter(w.clone()) for w in start]
    idle = torch.nn.Parameter(torch.ones(2))  # no part of the loss, so it never has a gradient
    try:
        optimiser = answer(iter([*weights, idle]), MOMENTUM, DECAY)
        for rate, slope in zip(RATES, slopes, strict=True):
            for w, g in zip(weights, slope, strict=True):
                w.grad = g.clone()
            optimiser.step(rate)
    except Exception as error:
        if "NoneType" in str(error):
            return Verdict(False, "A parameter that took no part has no gradient: skip its None.")
        if "leaf Variable" in str(error):
            return Verdict(False, "An update is no part of the graph: `@torch.no_grad()`.")
        return raised(error)
    if all(torch.equal(w.detach(), s) for w, s in zip(weights, start, strict=True)):
        otherwise = "No weight has moved. Change the tensors in place: `w.sub_(…)`, not `w = w - …`"
        return nothing(answer, otherwise)
    if any(w.requires_grad and w.grad_fn for w in weights):
        return Verdict(False, "An update is no part of the graph: use `@torch.no_grad()`.")
    last = slopes[-1]
    if not torch.equal(idle.detach(), torch.ones(2)):
        return Verdict(False, "A parameter without a gradient was moved. Leave it where it is.")
    if all(torch.allclose(w, t) for w, t in zip(weights, _walk(_caffe, start, slopes))):  # noqa: B905
        if not all(torch.equal(w.grad, g) for w, g in zip(weights, last, strict=True)):
            return Verdict(
                False, "The weights are right, but you changed the gradients on the way."
            )
        return Verdict(
            True, "Fifteen updates at three rates, and every weight is where Caffe's is."
        )
    for message, rule in _WRONG.items():
        walked = _walk(rule, start, slopes)
        if all(torch.allclose(w, t) for w, t in zip(weights, walked, strict=True)):
            return Verdict(False, message)
    if torch.allclose(weights[0], _walk(_caffe, start, slopes)[0]):
        return Verdict(False, "The first parameter is right, others are not: each has a velocity.")
    return Verdict(False, "The weights are elsewhere: v ← μ v + η (g + λ w), then w ← w − v.")


def _walk(rule: Rule, start: list[Tensor], slopes: list[list[Tensor]]) -> list[Tensor]:
    """Where the weights come to by an update rule, which changes v in place and gives the step."""
    weights, velocities = [w.clone() for w in start], [torch.zeros_like(w) for w in start]
    for rate, slope in zip(RATES, slopes, strict=True):
        for w, v, g in zip(weights, velocities, slope, strict=True):
            w -= rule(w, v, g, rate)
    return weights


def _caffe(w: Tensor, v: Tensor, g: Tensor, rate: float, decay: float = DECAY) -> Tensor:
    return v.mul_(MOMENTUM).add_(rate * (g + decay * w))


def _pytorch(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return rate * v.mul_(MOMENTUM).add_(g + DECAY * w)


def _decoupled(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return _caffe(w, v, g, rate, 0) + rate * DECAY * w


def _after_momentum(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    step = _caffe(w, v, g, rate, 0)
    return step + DECAY * w


def _twice(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return _caffe(w, v, g, rate) + rate * DECAY * w


def _nesterov(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    _caffe(w, v, g, rate)
    return MOMENTUM * v + rate * (g + DECAY * w)


def _dampened(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return v.mul_(MOMENTUM).add_((1 - MOMENTUM) * rate * (g + DECAY * w))


def _late(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    step = v.clone()
    _caffe(w, v, g, rate)
    return step


def _rate_twice(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return rate * _caffe(w, v, g, rate)


def _undecayed_rate(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return v.mul_(MOMENTUM).add_(rate * g + DECAY * w)


def _forgetful(w: Tensor, v: Tensor, g: Tensor, rate: float) -> Tensor:
    return rate * (g + DECAY * w)


_WRONG: dict[str, Rule] = {
    "That is PyTorch's rule: the rate stands outside the velocity. Caffe's has it inside.": (
        _pytorch
    ),
    "The weights do not decay.": lambda w, v, g, rate: _caffe(w, v, g, rate, 0),
    "They decay twice: once in the velocity and once beside it.": _twice,
    "The decay is added beside the velocity (decoupled, as AdamW does). Caffe's goes through it.": (
        _decoupled
    ),
    "The decay misses both the velocity and the rate; it belongs beside the gradient.": (
        _after_momentum
    ),
    "The rate multiplies the gradient alone. The decay is part of the slope: η (g + λ w).": (
        _undecayed_rate
    ),
    "That is Nesterov's momentum. The paper speaks of momentum, and says no more.": _nesterov,
    "You weigh what is new by 1 − μ (PyTorch calls it dampening). Here it has the weight 1.": (
        _dampened
    ),
    "You step with the velocity of the update before. First renew it, then step.": _late,
    "The rate is in it twice: once inside the velocity, once outside.": _rate_twice,
    "Nothing is remembered: keep a velocity for each parameter between the steps.": _forgetful,
    "You walk uphill: the velocity is taken away from the weights.": (
        lambda w, v, g, rate: -v.mul_(MOMENTUM).add_(rate * (g + DECAY * w))
    ),
    "The decay pushes outwards: its sign is the gradient's.": (
        lambda w, v, g, rate: _caffe(w, v, g, rate, -DECAY)
    ),
}
