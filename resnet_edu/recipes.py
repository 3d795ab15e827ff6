"""Recipes: how long to train, how fast, with what. Counted in iterations, as the paper counts."""

import math
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but the network, the pictures and the seed.

    `lr` is the highest learning rate. With schedule "steps" it holds and is divided by ten at each
    of `milestones`; with "one-cycle" it climbs in a straight line from 0 over `milestones[0]`
    iterations and falls in a straight line to 0 at the end. With `warm_up_below`, training begins
    at a tenth of the rate and stays there until the training error is below that many per cent.
    Weight decay acts on every parameter, batch norm's too: the paper does not say; we chose. Raises
    ValueError for numbers that make no training.
    """

    name: str
    iterations: int
    lr: float
    schedule: Literal["steps", "one-cycle"]
    milestones: tuple[int, ...]
    batch: int = 128
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    augment: bool = True
    evaluate_every: int = 1000
    warm_up_below: float | None = None

    def __post_init__(self):
        for name in ("iterations", "batch", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be above 0 and finite, not {self.lr}")
        if self.schedule not in ("steps", "one-cycle"):
            raise ValueError(f'schedule must be "steps" or "one-cycle", not {self.schedule!r}')
        if self.warm_up_below is not None and not 0 < self.warm_up_below < 100:
            raise ValueError(
                f"warm_up_below must be a per cent between 0 and 100, not {self.warm_up_below}"
            )
        one_cycle = self.schedule == "one-cycle"
        if one_cycle and not (self.milestones and 0 < self.milestones[0] < self.iterations):
            raise ValueError(
                "one-cycle needs 2 iterations or more and one milestone inside them, its peak, not "
                f"{self.iterations} and {self.milestones}"
            )


def learning_rate(recipe: Recipe, iteration: int, warming_up: bool = False) -> float:
    """The learning rate that update number `iteration` (from 0) uses.

    `warming_up` says that a recipe with a warm-up has not come to its end yet: when it does, the
    training error decides, not the iteration.
    """
    if warming_up:
        return recipe.lr / 10
    if recipe.schedule == "steps":
        return recipe.lr * 0.1 ** sum(iteration >= milestone for milestone in recipe.milestones)
    # One-cycle is taken at the middle of each update, so that neither the first nor the last is 0.
    now, peak = iteration + 0.5, recipe.milestones[0]
    if now < peak:
        return recipe.lr * now / peak
    return recipe.lr * (recipe.iterations - now) / (recipe.iterations - peak)


# He et al. 2015, section 4.2: ÷10 at 32,000 and 48,000 iterations, stop at 64,000.
PAPER = Recipe("paper", 64_000, 0.1, "steps", (32_000, 48_000))

# The same for ResNet-110: "we use 0.01 to warm up the training until the training error is below
# 80% (about 400 iterations), and then go back to 0.1".
PAPER_WARM = replace(PAPER, name="paper-warm", warm_up_below=80)

# The shape of the paper's recipe in an eighth of its length. Not the paper's recipe.
SHORT = replace(
    PAPER, name="short", iterations=8_000, milestones=(4_000, 6_000), evaluate_every=250
)

# Thirty epochs of CIFAR-10's 45,000, a sixth of the paper's length: the shortest way found to an
# error below 10 % on validation with ResNet-20. (Twenty-four by the same rate and decay end at
# 10 %. In twenty, twice this product of rate and decay fitted too little, half of it too closely.)
FAST = Recipe(
    "fast",
    10_548,
    0.2,
    "one-cycle",
    (1_500,),
    nesterov=True,
    weight_decay=5e-4,
    evaluate_every=1_172,
)

# Ten epochs of CIFAR-10's 45,000: 3,516 iterations. Not a result, a first look at real pictures.
BRIEF = Recipe(
    "brief", 3_516, 0.4, "one-cycle", (700,), nesterov=True, weight_decay=5e-4, evaluate_every=352
)

# 19,968 pictures seen: what ResNet-20 needs to pass 95 % on `shapes`. Small batches at a low rate:
# at two and four times the rate some seeds sit at chance for half of the run, one for all of it.
SPRINT = Recipe(
    "sprint",
    624,
    0.05,
    "one-cycle",
    (100,),
    batch=32,
    nesterov=True,
    weight_decay=5e-4,
    augment=False,
    evaluate_every=156,
)

RECIPES = {recipe.name: recipe for recipe in (PAPER, PAPER_WARM, SHORT, FAST, BRIEF, SPRINT)}


def by_name(name: str) -> Recipe:
    """The recipe of that name; ValueError with the names there are for any other."""
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
