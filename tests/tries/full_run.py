"""What a student may try in *The full run*, and words that only the answer to it has."""

import copy

import torch

from resnet_edu.exercises import full_run
from resnet_edu.study.receptive import settle

from . import changes_of

changed = changes_of("full_run")
SCOPE = {"copy": copy, "torch": torch, "exercises": full_run, "settle": settle}


def quoted(last="looks[-1][2]", validation="min(looks, key=V)[2]", test="min(looks, key=T)[2]"):
    """The first exercise's answer, with other picks."""
    return (
        "V, T = lambda look: look[1], lambda look: look[2]\n"
        f"def quote(looks):\n    return {last}, {validation}, {test}"
    )


def spread(formula):
    """The second exercise's answer, with another formula; `pairs` are the covariances of pairs."""
    return (
        "def spread_of_mean(rho, n):\n"
        "    pairs = sum((n - gap) * rho**gap for gap in range(1, n))\n"
        f"    return {formula}"
    )


def averaged(*changes):
    """The third exercise's answer with something in it otherwise."""
    return changed("average", *changes)


CORRECT = "mean / (1 - self.decay**self.count)"
ADDED = "mean += (1 - self.decay) * (w - mean)"
FRESH = "torch.zeros_like(w)"
RESULT = "return settle(network, views)"

WRONG = {
    "quote": [
        (quoted(validation="min(reversed(looks), key=V)[2]"), "the earlier one counts"),
        (quoted(validation="min(looks, key=V)[1]"), "the second is a validation error"),
        (
            quoted("looks[-1][1]", "min(looks, key=V)[1]", "min(looks, key=T)[1]"),
            "validation errors, all three",
        ),
        (quoted("looks[-1][0]", "min(looks, key=V)[0]", "min(looks, key=T)[0]"), "are iterations"),
        (quoted(validation="min(looks, key=T)[2]", test="min(looks, key=V)[2]"), "changed places"),
        (quoted("looks[0][2]"), "of the first look"),
        (quoted(test="max(looks, key=T)[2]"), "that is not it"),
        ("def quote(looks):\n    return looks[-1][2]", "three test errors; this is"),
        ("def quote(looks):\n    looks[-1]", "is there a `return`"),
        ("def quote(looks):\n    return looks[9]", "raised IndexError"),
    ],
    "spread_of_mean": [
        (spread("((n + 2 * pairs) / n**2) ** 0.5"), "a standard deviation"),
        (spread("n + 2 * pairs"), "the variance of the sum"),
        (spread("(n + 2 * pairs) / n"), "not by n"),
        (spread("(n + pairs) / n**2"), "each pair counts twice"),
        (spread("2 * pairs / n**2"), "paired with itself"),
        (spread("1 / n"), "Neighbours are alike"),
        (spread("(1 + rho) / (1 - rho) / n"), "the limit for many"),
        (spread("rho / n"), "Take n = 2 by hand"),
        (spread("[pairs]"), "Return one number"),
        ("def spread_of_mean(rho, n):\n    rho / n", "is there a `return`"),
        (spread("pairs / 0"), "raised ZeroDivisionError"),
    ],
    "average": [
        (averaged((CORRECT, "mean")), "never corrected"),
        (averaged((CORRECT, "mean"), (FRESH, "w.detach().clone()")), "nobody has added them"),
        (
            averaged(
                (ADDED, "mean += (1 if self.count == 1 else 1 - self.decay) * (w - mean)"),
                (CORRECT, "mean"),
            ),
            "was copied in",
        ),
        (averaged((ADDED, "mean += self.decay * (w - mean)")), "Yours forgets with it"),
        (
            averaged((ADDED, "mean += (w - mean) / self.count"), (CORRECT, "mean")),
            "count alike",
        ),
        (averaged((ADDED, "mean.copy_(w)"), (CORRECT, "mean")), "the last iterate alone"),
        (averaged((RESULT, "return network.eval()")), "had other weights before them"),
        (
            averaged(
                (
                    RESULT,
                    "network.train()(views)\n        return network.eval()",
                )
            ),
            "begins anew",
        ),
        (averaged((RESULT, f"{RESULT}.train()")), "in training mode"),
        (averaged((RESULT, "return settle(network, views[:3])")), "what they meet on `views`"),
        (
            averaged(("network = copy.deepcopy(self.network)", "network = self.network")),
            "Give away a copy",
        ),
        (
            # The right mean, from all that was ever added.
            averaged(
                (
                    "self.count += 1",
                    "self.count += 1\n        self.all.append(copy.deepcopy(network))",
                ),
                ("self.count = 0", "self.count, self.all = 0, []"),
            ),
            "after two iterates and",
        ),
        (averaged((RESULT, "return self.means")), "no network"),
        (averaged((RESULT, "network")), "is there a `return`"),
    ],
}
