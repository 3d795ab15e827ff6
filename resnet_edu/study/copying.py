"""How well stacks of blocks, plain and residual, learn to hand on what they are given.

    python -m resnet_edu.study.copying

leaves `records/measurements/copying.json`: the race of *The residual block* over seeds, learning
rates and a longer time.
"""

import torch
from torch import Tensor, nn

from ..blocks import conv3x3, initialise
from ..records import write_measurement

COMMAND = "python -m resnet_edu.study.copying"
PLAIN, RESIDUAL = 0, 1


def make_branches(
    depth: int, channels: int = 16, scale: float = 1.0, seed: int = 0
) -> nn.ModuleList:
    """`depth` residual branches of a basic block, freshly drawn as He et al. draw them.

    `scale` is what γ of each branch's last batch norm starts at; the paper leaves it at 1.
    """
    torch.manual_seed(seed)
    branches = nn.ModuleList(
        nn.Sequential(
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )
        for _ in range(depth)
    )
    initialise(branches)
    for branch in branches:
        nn.init.constant_(branch[4].weight, scale)
    return branches


def forward(branches: nn.ModuleList, x: Tensor, shortcut: int) -> Tensor:
    """x through all branches, a ReLU after each; `shortcut` 1 adds x back each time, 0 never."""
    for branch in branches:
        x = (branch(x) + shortcut * x).relu()
    return x


def copying_error(branches: nn.ModuleList, x: Tensor, shortcut: int) -> Tensor:
    """0 for a perfect copy of x, 1 for answering the mean of x whatever x is."""
    return (forward(branches, x, shortcut) - x).pow(2).mean() / x.var()


def race(branches: nn.ModuleList, shortcut: int, steps: int = 150, lr: float = 0.03) -> list[float]:
    """The copying error at each step of training the branches to be the identity together."""
    optimiser = torch.optim.SGD(branches.parameters(), lr=lr, momentum=0.9)
    errors = []
    for _ in range(steps):
        x = torch.randn(16, 16, 6, 6).relu()  # new ones at every step
        error = copying_error(branches, x, shortcut)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    return errors


def measure() -> list[dict]:
    """A row a race: its settings and the copying error after its last step."""
    short = [
        dict(depth=depth, shortcut=shortcut, lr=lr, seed=seed, scale=1.0, steps=150)
        for lr in (0.01, 0.03, 0.1)
        for seed in range(5)
        for depth, shortcut in [(d, s) for d in (1, 2, 4, 8) for s in (PLAIN, RESIDUAL)]
    ]
    turned_down = [
        dict(depth=8, shortcut=shortcut, lr=0.03, seed=seed, scale=0.1, steps=150)
        for seed in range(5)
        for shortcut in (PLAIN, RESIDUAL)
    ]
    long = [
        dict(depth=depth, shortcut=shortcut, lr=0.03, seed=seed, scale=1.0, steps=1000)
        for seed in range(3)
        for depth, shortcut in ((4, PLAIN), (8, RESIDUAL))
    ]
    rows = []
    for settings in short + turned_down + long:
        branches = make_branches(settings["depth"], scale=settings["scale"], seed=settings["seed"])
        errors = race(branches, settings["shortcut"], settings["steps"], settings["lr"])
        rows.append(settings | {"error": errors[-1]})
        print(rows[-1])
    return rows


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    write_measurement("copying", COMMAND, measure())
