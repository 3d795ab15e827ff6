"""What a student may try in *The stem*, and words that only the answer to it has."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu.exercises import stem

from . import changes_of

changed = changes_of("stem")
SCOPE = {"torch": torch, "nn": nn, "F": F, "math": math, "exercises": stem}


def size(formula):
    """The first exercise's answer: this formula of size, kernel, stride, padding, dilation."""
    return f"def output_size(n, k, s, p, d):\n    return {formula}"


def norm(*replacements):
    """The second exercise's answer, with mistakes."""
    return changed("batch_norm", *replacements)


def backward(*replacements):
    """The third exercise's answer, with mistakes."""
    return changed("batch_norm_backward", *replacements)


MEAN, VAR = "x.mean((0, 2, 3))\n", "x.var((0, 2, 3), correction=0)\n"
FRESH = "x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)"
UPDATE = "        with torch.no_grad():\n"
GRAD_X = "(g - through_mean - through_var) / std"

WRONG = {
    "output_size": [
        (size("(n + 2 * p - d * (k - 1) - 1) / s + 1"), "left over at the end is dropped"),
        (size("math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1"), "round up"),
        (size("round((n + 2 * p - d * (k - 1) - 1) / s) + 1"), "to the nearest"),
        (size("(n + 2 * p - d * (k - 1) - 1) // s"), "count the moves"),
        (size("(n + p - d * (k - 1) - 1) // s + 1"), "count it once"),
        (size("(n - d * (k - 1) - 1) // s + 1"), "leave the padding out"),
        (size("(n + 2 * p - k) // s + 1"), "leave dilation out"),
        (size("(n + 2 * p - d * k) // s + 1"), "two gaps"),
        (size("(n + 2 * p - d * (k - 1)) // s"), "a place to start from"),
        (size("(n + 2 * p) // s"), "forget the kernel"),
        (size("math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1.0"), "is an int"),
        (size("n // s + p"), "a real convolution gives"),
        (size("str(n)"), "should be a whole number"),
        (size("n / 0"), "raised ZeroDivisionError"),
        ("def output_size(n, k, s, p, d):\n    n // s", "is there a `return`"),
    ],
    "batch_norm": [
        (norm((VAR, "x.var((0, 2, 3))\n")), "for the memory only"),
        (norm(("[:, None, None] + 1e-5).sqrt()", "[:, None, None].sqrt() + 1e-5)")), "outside the"),
        (norm((" + 1e-5", "")), "there is no ε"),
        (norm((".sqrt()", "")), "by the variance, not by its root"),
        (
            norm(
                ("x - mean[:, None, None]", "x - x.mean((2, 3), keepdim=True)"),
                ("var[:, None, None]", "x.var((2, 3), correction=0, keepdim=True)"),
            ),
            "each picture apart",
        ),
        (
            norm(
                ("x - mean[:, None, None]", "x - x.mean(0)"),
                ("var[:, None, None]", "x.var(0, correction=0)"),
            ),
            "each place apart",
        ),
        (
            norm(
                ("x - mean[:, None, None]", "x - x.mean()"),
                ("var[:, None, None]", "x.var(correction=0)"),
            ),
            "for all channels",
        ),
        (norm(("gamma[:, None, None] * x + beta[:, None, None]", "x")), "are missing"),
        (
            norm(("x + beta[:, None, None]", "(x + beta[:, None, None])")),
            "β is multiplied",
        ),
        (norm(("correction=1", "correction=0")), "made of biased variances"),
        (
            norm(
                ("mul_(0.9).add_(0.1 * mean)", "mul_(0.1).add_(0.9 * mean)"),
                ("mul_(0.9).add_(0.1 * unbiased)", "mul_(0.1).add_(0.9 * unbiased)"),
            ),
            "the wrong way round",
        ),
        (
            norm(
                ("mul_(0.9).add_(0.1 * mean)", "copy_(mean)"),
                ("mul_(0.9).add_(0.1 * unbiased)", "copy_(unbiased)"),
            ),
            "only this batch",
        ),
        (
            norm(
                ("running_mean.mul_(0.9).add_(0.1 * mean)", "running_mean = mean"),
                ("running_var.mul_(0.9).add_(0.1 * unbiased)", "running_var = unbiased"),
            ),
            "as it was",
        ),
        (norm(("0.1 * unbiased", "0.1 * unbiased.sqrt()")), "remembers spreads"),
        (norm((UPDATE, "        if True:\n")), "hangs on the graph"),
        (
            norm(("mean, var = running_mean, running_var", f"mean, var = {FRESH}")),
            "with the batch;",
        ),
        (
            norm(
                (
                    "    x = x - mean[",
                    "    mean, var = running_mean, running_var\n    x = x - mean[",
                )
            ),
            "the batch's own",
        ),
        (
            norm(("    else:\n", "    else:\n        running_mean.mul_(0.9)\n")),
            "In evaluation: the output is not right",
        ),
        (
            norm(("    return", "    if not training:\n        running_var.mul_(0.9)\n    return")),
            "only training changes it",
        ),
        (norm((MEAN, "x.detach().mean((0, 2, 3))\n")), "do not detach"),
        (norm(("* x +", "* x.mean((2, 3), keepdim=True) +")), "a tensor of shape"),
        (norm(("x.mean((0, 2, 3))\n", "x.mean((0, 2, 3)).missing\n")), "raised AttributeError"),
        (norm(("    return ", "    x = ")), "is there a `return`"),
        (
            "def batch_norm(x, gamma, beta, running_mean, running_var, training):\n"
            "    return F.batch_norm(x, running_mean, running_var, gamma, beta, training)",
            "Take the sums yourself",
        ),
    ],
    "batch_norm_backward": [
        (backward((GRAD_X, "g / std")), "the direct way alone"),
        (backward((GRAD_X, "(g - through_mean) / std")), "variance is missing"),
        (backward((GRAD_X, "(g - through_var) / std")), "mean is missing"),
        (backward((GRAD_X, "(g + through_mean + through_var) / std")), "mind their signs"),
        (backward(("    g = g * gamma[:, None, None]\n", "")), "γ is missing"),
        (backward((GRAD_X, "g - through_mean - through_var")), "division by σ is missing"),
        (backward((GRAD_X, GRAD_X.replace("std", "std ** 2"))), "You divide by the variance"),
        (
            backward(
                ("g.mean(dims", "g.sum(dims"),
                ("(g * x_hat).mean(", "(g * x_hat).sum("),
            ),
            "means, not sums",
        ),
        (
            backward(
                (
                    "x_hat * (g * x_hat).mean(dims, keepdim=True)",
                    "x_hat * std * (g * x_hat * std).mean(dims, keepdim=True)",
                )
            ),
            "one σ too many",
        ),
        (
            backward(
                (
                    "    grad_x =",
                    "    std = (x.var(dims, keepdim=True) + 1e-5).sqrt()\n    grad_x =",
                )
            ),
            "the unbiased variance",
        ),
        (
            backward(("(g * x_hat).sum(dims)\n", "(g * x_hat).mean(dims)\n")),
            "γ's gradient is a sum",
        ),
        (backward(("g.sum(dims)\n", "g.mean(dims)\n")), "β's gradient is a sum"),
        (backward(("(g * x_hat).sum(dims)\n", "(g * x).sum(dims)\n")), "not x, so x̂"),
        (backward(("g.sum(dims)\n", "g.sum(dims) * gamma\n")), "no part in its gradient"),
        (backward(("grad_gamma, grad_beta\n", "grad_beta, grad_gamma\n")), "changed places"),
        (backward(("grad_x, grad_gamma, grad_beta\n", "grad_x\n")), "Three gradients"),
        (backward(("grad_beta = g.sum(dims)", "grad_beta = g.sum()")), "shapes should be"),
        (backward(("g.sum(dims)\n", "g.sum(dims) + 1\n")), "one place at a time"),
        (backward((GRAD_X, "g - 2 * through_mean")), "should sum to zero over each"),
        (backward((GRAD_X, "(g - through_mean - 2 * through_var) / std")), "nearly vanish"),
        (
            "def batch_norm_backward(g, x, gamma):\n"
            "    x.requires_grad_()\n"
            "    y = F.batch_norm(x, None, None, gamma, None, True)\n"
            "    y.backward(g)\n"
            "    return x.grad, gamma, gamma",
            "ask autograd",
        ),
        (backward(("dims = (0, 2, 3)", "dims = (0, 2, 5)")), "raised IndexError"),
        ("def batch_norm_backward(g, x, gamma):\n    g.sum((0, 2, 3))", "is there a `return`"),
    ],
}
