"""A training loop in forty lines, and what parts of a recipe do to a small network.

    python -m resnet_edu.study.recipe

leaves `records/measurements/recipe.json`, for *The recipe*: what augmentation does, and a warm-up
that ends or never does. All of it is on `shapes`.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from .. import data
from ..blocks import BasicBlock
from ..data import Dataset, Pictures, augment, normalise
from ..evaluate import evaluate
from ..recipes import Recipe, learning_rate
from ..records import write_measurement
from ..resnet import ResNet
from ..train import WARM_UP_LOOK, Batches, Training

COMMAND = "python -m resnet_edu.study.recipe"
SEEDS = range(3)
# The paper's shape: ÷10 at a half and at three quarters.
STEPS = Recipe("steps", 800, 0.3, "steps", (400, 600), batch=32, augment=False, evaluate_every=800)
# What this network learns `shapes` well with.
CYCLE = Recipe(
    *("cycle", 600, 0.05, "one-cycle", (100,)),
    **dict(batch=32, nesterov=True, weight_decay=5e-4, evaluate_every=600),
)
NONE, UNTIL, FOR_EVER = "none", "until below 80 %", "for ever"


def small_network(seed: int = 0) -> nn.Module:
    """A ResNet-8 of half the width that halves its pictures first: 8 ms an update of 32."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.AvgPool2d(2), ResNet(BasicBlock, (1, 1, 1), (8, 16, 32)))


class Run:
    """A training run, bare: `step()` is one update, and gives its loss.

    `train.Training` does the same on every device, and evaluates, saves and resumes besides.
    `mean` and `std` are what `pictures` are normalised by; `seed` decides order, crops and flips.
    """

    def __init__(
        self,
        network: nn.Module,
        pictures: Pictures,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        recipe: Recipe,
        seed: int = 0,
    ):
        self.network, self.recipe = network, recipe
        self.pictures, self.mean, self.std = pictures, mean, std
        self.optimiser = torch.optim.SGD(
            network.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
        self.generator = torch.Generator().manual_seed(seed)
        self.batches = Batches(len(pictures), recipe.batch, self.generator)
        self.iteration = 0
        self.warming_up = recipe.warm_up_below is not None
        self.wrong = []  # answers in each batch since the warm-up was looked at

    def step(self) -> float:
        """One update at the recipe's rate; the mean cross-entropy of its batch, in nats."""
        rate = learning_rate(self.recipe, self.iteration, self.warming_up)
        self.optimiser.param_groups[0]["lr"] = rate
        batch = self.pictures[self.batches.next()]
        images, labels = batch.images, batch.labels
        if self.recipe.augment:
            images = augment(images, self.generator)
        self.network.train()
        answers = self.network(normalise(images, self.mean, self.std))
        loss = F.cross_entropy(answers, labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.iteration += 1
        if self.warming_up:
            self.look((answers.argmax(1) != labels).sum().item())
        return loss.item()

    def look(self, wrong: int) -> None:
        """Ends the warm-up where the error of the last iterations is low enough."""
        self.wrong.append(wrong)
        if len(self.wrong) == WARM_UP_LOOK:
            error = 100 * sum(self.wrong) / (WARM_UP_LOOK * self.recipe.batch)
            self.warming_up = error >= self.recipe.warm_up_below
            self.wrong = []


def with_warm_up(kind: str, recipe: Recipe = STEPS) -> Recipe:
    """The recipe without warm-up, with one that ends, or with one that never does."""
    if kind == UNTIL:
        return replace(recipe, warm_up_below=80)
    return replace(recipe, lr=recipe.lr / 10) if kind == FOR_EVER else recipe


def train(dataset: Dataset, recipe: Recipe, seed: int) -> tuple[Training, list[int]]:
    """A finished training of `small_network`, and the wrong answers of each of its batches."""
    training = Training(small_network(seed), dataset, recipe, seed)
    wrong = []
    # The recipes look at no error before the end, so the sums go on.
    training.run(lambda row: None, lambda: wrong.append(int(training.update.sums[1])))
    return training, [after - before for before, after in zip([0, *wrong], wrong, strict=False)]


def measure_warm_ups(shapes: Dataset) -> list[dict]:
    """A row a training of `STEPS` at two rates: when its warm-up ended, and what it came to.

    `error` is that on the test pictures, in per cent; `wrong` the wrong answers of each batch.
    """
    rows = []
    for lr in (0.1, 0.3):
        for kind in (NONE, UNTIL, FOR_EVER):
            for seed in SEEDS:
                recipe = with_warm_up(kind, replace(STEPS, lr=lr))
                training, wrong = train(shapes, recipe, seed)
                row = {"what": "warm-up", "lr": lr, "kind": kind, "seed": seed}
                row |= {"ended": training.warm_up_ended, "error": training.metrics[-1].test_error}
                print(row, flush=True)
                rows.append(row | {"wrong": wrong})
    return rows


def measure_augmentation(shapes: Dataset) -> list[dict]:
    """A row a training of `CYCLE`, from few pictures and from all, with crops and flips or not.

    `learned` is the error on the pictures it learned from, as they are, in evaluation mode.
    """
    rows = []
    for pictures in (450, 9_000):
        # A tenth is held back, as ever.
        few = replace(shapes, train=shapes.train[: pictures * 10 // 9])
        for crops in (False, True):
            for seed in SEEDS:
                training, _ = train(few, replace(CYCLE, augment=crops), seed)
                learned = evaluate(training.network, training.pictures, few.mean, few.std)
                row = {"what": "augmentation", "pictures": pictures, "augment": crops}
                row |= {"seed": seed, "epochs": training.metrics[-1].epoch}
                row |= {"learned": learned.error, "error": training.metrics[-1].test_error}
                print(row, flush=True)
                rows.append(row)
    return rows


if __name__ == "__main__":
    drawn = data.load("shapes")
    write_measurement("recipe", COMMAND, measure_warm_ups(drawn) + measure_augmentation(drawn))
