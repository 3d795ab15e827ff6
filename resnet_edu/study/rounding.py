"""Weights kept in bfloat16, and how they are rounded there.

    python -m resnet_edu.study.rounding

leaves `records/measurements/rounding.json`, for *Faster*: a small network trained on `shapes` with
its weights in float32, in bfloat16 rounded to the nearest, and in bfloat16 rounded by dice.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .. import data
from ..data import Dataset
from ..evaluate import evaluate
from ..recipes import Recipe
from ..records import write_measurement
from .recipe import STEPS, UNTIL, Run, small_network, with_warm_up

COMMAND = "python -m resnet_edu.study.rounding"
SEEDS = range(3)
RECIPE = with_warm_up(UNTIL, replace(STEPS, lr=0.1))
WAYS = ("float32", "nearest", "by dice", "velocities nearest")


def nearest(x: Tensor) -> Tensor:
    """float32, rounded to the nearest of bfloat16's values."""
    return x.bfloat16().float()


def by_dice(x: Tensor, generator: torch.Generator) -> Tensor:
    """float32, each rounded to one of bfloat16's two values around it, so that the mean is `x`.

    The nearer of the two is the likelier. A float's lower 16 bits are what bfloat16 cuts off; 16
    random bits are added to them, and what carries over rounds up.
    """
    dice = torch.randint(2**16, x.shape, dtype=torch.int32, generator=generator)
    return ((x.contiguous().view(torch.int32) + dice) & -(2**16)).view(torch.float32)


def train(
    dataset: Dataset, way: str, seed: int, recipe: Recipe = RECIPE
) -> tuple[Run, list[float]]:
    """A finished run whose weights are rounded after every update, and the losses of its batches.

    All arithmetic is float32's: only what is kept from one update to the next is rounded.
    """
    learn, _ = dataset.split(0)
    run = Run(small_network(seed), learn, dataset.mean, dataset.std, recipe, seed)
    dice = torch.Generator().manual_seed(seed)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "nearest": nearest,
        "by dice": lambda x: by_dice(x, dice),
    }
    losses = []
    while run.iteration < recipe.iterations:
        losses.append(run.step())
        for w in run.network.parameters():
            with torch.no_grad():
                if way in ways:
                    w.copy_(ways[way](w))
                elif way == "velocities nearest":
                    velocity = run.optimiser.state[w]["momentum_buffer"]
                    velocity.copy_(nearest(velocity))
    return run, losses


def measure(shapes: Dataset) -> list[dict]:
    """A row a way and seed: the test error in per cent, and the mean loss of each 20 batches."""
    rows = []
    for way in WAYS:
        for seed in SEEDS:
            run, losses = train(shapes, way, seed)
            error = evaluate(run.network, shapes.test, shapes.mean, shapes.std).error
            twenties = torch.tensor(losses).view(-1, 20).mean(dim=1).tolist()
            row = {"way": way, "seed": seed, "error": round(error, 2)}
            print(row, flush=True)
            rows.append(row | {"losses": [round(loss, 4) for loss in twenties]})
    return rows


if __name__ == "__main__":
    write_measurement("rounding", COMMAND, measure(data.load("shapes")))
