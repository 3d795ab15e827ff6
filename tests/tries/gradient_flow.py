"""What a student may try in *Gradient flow*, and words that only the answer to it has."""

import math

import torch
from torch import nn

from resnet_edu.exercises import gradient_flow

from . import changes_of

changed = changes_of("gradient_flow")
SCOPE = {"math": math, "torch": torch, "nn": nn, "exercises": gradient_flow}


def grown(power, base="math.pi / (math.pi - 1)"):
    """The first exercise's answer, to another power or of another base."""
    return f"def growth(depth):\n    return ({base}) ** ({power})"


def told(*lines):
    """The second exercise's answer: these lines under its head."""
    return "\n    ".join(["def which(spreads, gradients):", *lines])


def sorted_by(*replacements):
    return changed("by_length", *replacements)


A_BLOCK = "a = (spreads[-1] / spreads[0]) ** (1 / (len(spreads) - 1))"
NO_NORM = "if a < 0.99: return False, False"
MASKED = ("passed = [part * (y > 0) for part in parts]", "passed = parts")
ONE_PATH_A_LENGTH = """\
def by_length(blocks, x, g):
    kept = []
    for block in blocks:
        x = x.detach().requires_grad_()
        kept.append((x, block.residual(x), block(x)))
        x = kept[-1][2]
    parts = []
    for k in range(len(blocks) + 1):
        path = g
        for i, (x, branch, y) in reversed(list(enumerate(kept))):
            path = path * (y > 0)
            if i < k:
                path = torch.autograd.grad(branch, x, path, retain_graph=True)[0]
        parts.append(path)
    return parts"""
USED_UP = """\
        parts = passed + [torch.zeros_like(x)]
        for k in range(len(passed)):
            more = torch.autograd.grad(branch, x, parts[k], retain_graph=True)[0]
            parts[k + 1] = parts[k + 1] + more
"""

WRONG = {
    "growth": [
        (grown("depth - 4"), "growth of the square"),
        (grown("(depth - 4) / 4"), "a factor a block"),
        (grown("depth / 2"), "every weighted layer"),
        (grown("(depth - 1) / 2"), "all layers but one"),
        (grown("(depth - 2) / 2"), "both convolutions of every block"),
        (grown("(4 - depth) / 2"), "the wrong way round"),
        (grown("(depth - 4) / 2", "2"), "forgets the mean"),
        (grown("depth - 4", "1.21"), "Keep all digits"),
        (grown("depth - 7"), "How many layers lie between"),
        (grown("(depth - 4) / 2", "[depth]"), "raised TypeError"),
        ("def growth(depth):\n    print(depth)", "is there a `return`"),
        ("def growth(depth):\n    return 'a lot'", "should be a number"),
    ],
    "which": [
        (
            told(
                "a = (gradients[0] / gradients[-1]) ** (1 / (len(gradients) - 1))",
                "if a < 1: return False, False",
                "return a < 1.25, True",
            ),
            "a batch norm right before the sum",
        ),
        (
            told(
                A_BLOCK,
                NO_NORM,
                "if max(spreads) < 1.01: return False, True",
                "return True, spreads[-1] < 3",
            ),
            "by the same amount a block",
        ),
        (told("return gradients[0] < 4 * gradients[-1], True"), "what could do that"),
        (told(A_BLOCK, NO_NORM, "return spreads[-1] > 1.9, True"), "with one it is that and more"),
        (told("return False, max(spreads) < 1.01"), "no signal fades on its way"),
        (told("return 'plain'"), "Return two truths"),
        (told("spreads.mean()"), "raised AttributeError"),
        (told("max(spreads)"), "is there a `return`"),
    ],
    "by_length": [
        (sorted_by(MASKED), "where y is 0"),
        (sorted_by(("passed + [zero]", "parts + [zero]")), "goes round by the shortcut, too"),
        (sorted_by(("for part in passed", "for part in parts")), "goes through the branch, too"),
        (sorted_by(("    return parts", "    return parts[::-1]")), "the wrong way round"),
        (
            sorted_by(
                ("[zero] + through", "[zero] + passed"), ("passed + [zero]", "through + [zero]")
            ),
            "the wrong way round",
        ),
        (sorted_by(("in reversed(kept)", "in kept")), "from first to last"),
        (ONE_PATH_A_LENGTH, "every choice of k blocks"),
        (
            sorted_by(
                (
                    "        zero = torch.zeros_like(x)\n"
                    "        pairs = zip(passed + [zero], [zero] + through)\n"
                    "        parts = [by_shortcut + through for by_shortcut, through in pairs]\n",
                    USED_UP,
                )
            ),
            "when you need it",
        ),
        (
            sorted_by(
                (
                    "    return parts",
                    "    return [sum(parts)] + [torch.zeros_like(g) for _ in blocks]",
                )
            ),
            "whole gradient in one part",
        ),
        (
            sorted_by(("    return parts", "    return [parts[0] + parts[1], 0 * g, *parts[2:]]")),
            "are mixed in a part",
        ),
        (sorted_by(("    return parts", "    return parts[1:]")), "0 to 3 branches"),
        (
            sorted_by(("    return parts", "    return [part.norm().item() for part in parts]")),
            "not norms",
        ),
        (
            sorted_by(("    return parts", "    return [part.sum(0) for part in parts]")),
            "should have x's shape",
        ),
        (sorted_by(("parts = [g]", "parts = [2 * g]")), "do not add up"),
        (sorted_by((", retain_graph=True", "")), "raised RuntimeError"),
        (sorted_by(("    return parts", "    pass")), "is there a `return`"),
    ],
}
