"""The checks of the exercise cards in *The stem* that are about batch norm."""

from collections.abc import Callable
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Verdict, nothing, own_dice, raised

DIMS = (0, 2, 3)
EPS, MOMENTUM = 1e-5, 0.1


def batch_norm(answer: Callable[..., Tensor]) -> Verdict:
    """Checks `answer(x, gamma, beta, running_mean, running_var, training)`, a whole batch norm."""
    with own_dice():
        x = (3 * torch.randn(3, 2, 2, 3) + torch.tensor([1.0, -2.0])[:, None, None]).double()
        gamma, beta = (torch.tensor(values).double() for values in ([0.5, 2.0], [1.0, -3.0]))
        before = [torch.tensor(values).double() for values in ([0.3, -0.4], [2.0, 0.7])]
        g = torch.randn(3, 2, 2, 3).double()
    # A variance near ε, so that where ε stands can be seen.
    x = torch.cat([x, 0.004 * x], 1)
    gamma, beta, g = gamma.repeat(2), beta.repeat(2), g.repeat(1, 2, 1, 1)
    before = [values.repeat(2) for values in before]
    for training in (True, False):
        leaf = x.clone().requires_grad_()
        memory = [values.clone() for values in before]
        with patch.multiple(F, batch_norm=_refuse, instance_norm=_refuse):
            try:
                given = answer(leaf, gamma.clone(), beta.clone(), *memory, training)
            except _Refused:
                return Verdict(False, "That is PyTorch's own batch norm. Take the sums yourself.")
            except Exception as error:
                return raised(error)
        if given is None:
            return nothing(answer)
        if not isinstance(given, Tensor) or given.shape != x.shape:
            return Verdict(False, f"The output should be a tensor of shape {tuple(x.shape)}.")
        fault = _output_fault(given.detach(), x, gamma, beta, before, memory, training)
        fault = fault or _memory_fault(memory, before, x, training)
        fault = fault or _gradient_fault(given, leaf, gamma, before, g, training)
        if fault:
            return Verdict(False, f"In {'training' if training else 'evaluation'}: {fault}")
    return Verdict(True, "Output, memory and gradient are PyTorch's, in both modes.")


class _Refused(Exception):
    """What the exercise asks to be written was called ready-made."""


def _refuse(*_: object, **__: object) -> None:
    raise _Refused


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=1e-9)


def _output_fault(
    given: Tensor, x: Tensor, gamma: Tensor, beta: Tensor, before: list, after: list, training: bool
) -> str:
    """What is wrong with the output, or "" if nothing is."""
    tall = [values[:, None, None] for values in (gamma, beta, *before)]
    gamma, beta, running_mean, running_var = tall

    def out(dims: tuple = DIMS, correction: int = 0, memory: bool = False, outside: float = 0):
        mean = running_mean if memory else x.mean(dims, keepdim=True)
        var = running_var if memory else x.var(dims, correction=correction, keepdim=True)
        root = var.sqrt() + outside if outside else (var + EPS).sqrt()
        return gamma * ((x - mean) / root) + beta

    if _close(given, out(memory=not training)):
        return ""
    mean = x.mean(DIMS, keepdim=True)
    var = x.var(DIMS, correction=0, keepdim=True)
    ours, updated = out(memory=True), [values.detach()[:, None, None] for values in after]
    if not _close(given, ours):
        ours = gamma * (x - updated[0]) / (updated[1] + EPS).sqrt() + beta
    known = {
        "you normalise with the running statistics; in training it is the batch's own.": ours,
        "you normalise with the unbiased variance. It is for the memory only.": out(correction=1),
        "ε stands outside the root; it is added to the variance.": out(outside=EPS),
        "there is no ε: a constant channel would divide by zero.": out(outside=1e-300),
        "you take statistics of each picture apart; the batch belongs to them.": out((2, 3)),
        "you take statistics of each place apart; all places belong to them.": out((0,)),
        "you take one mean and variance for all channels; each has its own.": out((0, 1, 2, 3)),
        "γ and β are missing.": (x - mean) / (var + EPS).sqrt(),
        "you divide by the variance, not by its root.": gamma * (x - mean) / (var + EPS) + beta,
        "β is multiplied by γ too; it is added last.": gamma
        * ((x - mean) / (var + EPS).sqrt() + beta),
    }
    if not training:
        known = {
            "you normalise with the batch; here the memory is used.": out(),
            "the running variance was used as if it were a spread: take its root.": gamma
            * ((x - running_mean) / (running_var + EPS))
            + beta,
        }
    for message, wrong in known.items():
        if _close(given, wrong):
            return message
    return "the output is not right: x̂ = (x − μ) / √(σ² + ε), then γ · x̂ + β, a channel at a time."


def _memory_fault(memory: list, before: list, x: Tensor, training: bool) -> str:
    """What is wrong with the running mean and variance afterwards, or ""."""
    if any(values.requires_grad for values in memory):
        return "the memory hangs on the graph: change it under `torch.no_grad()`."
    if not training:
        same = all(torch.equal(*pair) for pair in zip(memory, before, strict=True))
        return "" if same else "the memory was changed; only training changes it."
    mean, biased, unbiased = x.mean(DIMS), x.var(DIMS, correction=0), x.var(DIMS, correction=1)

    def kept(share: float, var: Tensor) -> list:
        new = (mean, var)
        return [(1 - share) * a + share * b for a, b in zip(before, new, strict=True)]

    if all(_close(*pair) for pair in zip(memory, kept(MOMENTUM, unbiased), strict=True)):
        return ""
    known = {
        "the memory is as it was: change the tensors themselves, `.mul_(…).add_(…)`.": before,
        "the running variance is made of biased variances; PyTorch remembers unbiased ones.": kept(
            MOMENTUM, biased
        ),
        "momentum is the wrong way round: PyTorch's 0.1 is the weight of the new.": kept(
            1 - MOMENTUM, unbiased
        ),
        "the memory holds only this batch; nine tenths of the old should stay.": [mean, unbiased],
        "the memory remembers spreads where it should remember variances.": kept(
            MOMENTUM, unbiased.sqrt()
        ),
    }
    for message, wrong in known.items():
        if all(_close(*pair) for pair in zip(memory, wrong, strict=True)):
            return message
    return "the memory is not right: 0.9 of the old and 0.1 of the batch's."


def _gradient_fault(
    given: Tensor, leaf: Tensor, gamma: Tensor, before: list, g: Tensor, training: bool
) -> str:
    """What is wrong with the way back through the output, or ""."""
    if not given.requires_grad:
        return "no gradient comes through: only the memory is under `torch.no_grad()`."
    (came,) = torch.autograd.grad(given, leaf, g)
    x = leaf.detach().requires_grad_()
    y = F.batch_norm(x, *(v.clone() for v in before), gamma, None, training, MOMENTUM, EPS)
    (truth,) = torch.autograd.grad(y, x, g)
    if _close(came, truth):
        return ""
    return (
        "the output is right and its gradient is not: mean and variance depend on x, so do not "
        "detach them."
    )


def batch_norm_backward(answer: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> Verdict:
    """Checks `answer(g, x, gamma)`: the gradients for batch norm's input, scale and shift."""
    with own_dice():
        x = (2 * torch.randn(3, 4, 2, 3) + 1).double()
        g = (torch.randn(3, 4, 2, 3) + 0.5).double()
        gamma = torch.tensor([0.5, 2.0, -1.5, 3.0]).double()
    asked = patch.multiple(torch.autograd, grad=_refuse, backward=_refuse)
    try:
        with asked, patch.object(Tensor, "backward", _refuse):
            given = answer(g.clone(), x.clone(), gamma.clone())
    except _Refused:
        return Verdict(False, "You ask autograd. It is to be derived by hand.")
    except Exception as error:
        return raised(error)
    if given is None:
        return nothing(answer)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return Verdict(False, "Three gradients should come back: for x, gamma and beta.")
    shapes = [tuple(value.shape) if isinstance(value, Tensor) else None for value in given]
    if shapes != [(3, 4, 2, 3), (4,), (4,)]:
        return Verdict(False, f"The gradients' shapes should be those of x, gamma, beta: {shapes}.")
    fault = _backward_fault(*(value.detach() for value in given), g, x, gamma)
    if fault:
        return Verdict(False, fault)
    return Verdict(True, "All three gradients are PyTorch's. Each term stands for one way back.")


def _backward_fault(
    grad_x: Tensor, grad_gamma: Tensor, grad_beta: Tensor, g: Tensor, x: Tensor, gamma: Tensor
) -> str:
    """What is wrong with the three gradients, or ""."""
    mean = x.mean(DIMS, keepdim=True)
    std = (x.var(DIMS, correction=0, keepdim=True) + EPS).sqrt()
    x_hat, tall = (x - mean) / std, gamma[:, None, None]
    of_gamma, of_beta = (g * x_hat).sum(DIMS), g.sum(DIMS)
    if _close(grad_gamma, of_beta) and _close(grad_beta, of_gamma):
        return "The gradients of γ and β have changed places: x, gamma, beta is the order."
    count = x.numel() / len(gamma)
    for name, came, truth in (("γ", grad_gamma, of_gamma), ("β", grad_beta, of_beta)):
        if _close(came, truth):
            continue
        if _close(came, truth / count):
            return f"{name}'s gradient is a sum over all places it acts on, not their mean."
        if name == "γ" and _close(came, (g * x).sum(DIMS)):
            return "γ multiplies x̂ and not x, so x̂ stands in its gradient."
        if name == "β" and _close(came, of_beta * gamma):
            return "β is added after γ: γ has no part in its gradient."
        return f"{name}'s gradient is not right: what does y = γ · x̂ + β say, one place at a time?"

    def back(first: float = 1, second: float = 1, third: float = 1, by: Tensor = tall) -> Tensor:
        h = g * by
        through_var = x_hat * (h * x_hat).mean(DIMS, keepdim=True)
        return (first * h - second * h.mean(DIMS, keepdim=True) - third * through_var) / std

    if _close(grad_x, back()):
        return ""
    h = g * tall
    summed = h.sum(DIMS, keepdim=True), (h * x_hat).sum(DIMS, keepdim=True)
    unbiased = ((std**2 - EPS) * count / (count - 1) + EPS).sqrt()
    known = {
        "That is the direct way alone: the input also acts through the mean and the variance.": (
            back(second=0, third=0)
        ),
        "The way through the variance is missing: it takes away what lies along x̂.": back(third=0),
        "The way through the mean is missing: a constant on a channel must change nothing.": (
            back(second=0)
        ),
        "The two terms that are taken away are added here: mind their signs.": back(1, -1, -1),
        "γ is missing from x's gradient: between y and x̂ it multiplies.": back(
            by=torch.ones_like(tall)
        ),
        "The division by σ is missing: from x̂ to x − μ is a division.": back() * std,
        "You divide by the variance; it is the root of it that divides.": back() / std,
        "What goes through mean and variance is shared by all n inputs: means, not sums.": (
            (h - summed[0] - x_hat * summed[1]) / std
        ),
        "In the way through the variance stands x − μ where x̂ should: one σ too many.": (
            (h - h.mean(DIMS, keepdim=True)) / std
            - (x - mean) * (h * (x - mean)).mean(DIMS, keepdim=True) / std
        ),
        "σ is made with the unbiased variance; the forward pass divides by the other.": (
            back() * std / unbiased
        ),
    }
    for message, wrong in known.items():
        if _close(grad_x, wrong):
            return message
    sums = grad_x.sum(DIMS).abs().max()
    if sums > 1e-6:
        return "x's gradient should sum to zero over each channel, and yours does not."
    return "x's gradient sums to zero, as it should; its sum with x̂ should nearly vanish as well."
