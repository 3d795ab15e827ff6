"""The training loop: counted in iterations, one path for every device."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import Dataset, Pictures, augment, normalise
from .evaluate import evaluate
from .recipes import Recipe, learning_rate

SPLIT = 0  # every run holds the same validation pictures back, whatever its own seed


@dataclass(frozen=True)
class Evaluation:
    """A row of `metrics.csv`. Losses in nats, errors in per cent, `seconds` since the start.

    `learning_rate` is the one the last update used. The training loss and error are means over
    the batches since the evaluation before, augmented and in training mode, as the network met
    them; `pictures_per_second` counts those batches and leaves the evaluation out.
    """

    iteration: int
    epoch: float
    learning_rate: float
    train_loss: float
    train_error: float
    validation_loss: float
    validation_error: float
    pictures_per_second: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"iteration {self.iteration:6,}  epoch {self.epoch:6.2f}  lr {self.learning_rate:.4f}  "
            f"training {self.train_loss:.3f} {self.train_error:5.2f} %  "
            f"validation {self.validation_loss:.3f} {self.validation_error:5.2f} %"
        )


class Batches:
    """An endless stream of batches: every picture once an epoch, in an order drawn anew.

    A batch may lie across the border of two epochs, so that each holds `batch` pictures.
    """

    def __init__(self, pictures: Pictures, batch: int, generator: torch.Generator):
        self.pictures, self.batch, self.generator = pictures, batch, generator
        self.order = self._shuffled()

    def next(self) -> Pictures:
        """The next `batch` pictures."""
        while len(self.order) < self.batch:
            self.order = torch.cat([self.order, self._shuffled()])
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        return self.pictures[chosen]

    def _shuffled(self) -> Tensor:
        generator = self.generator
        return torch.randperm(len(self.pictures), device=generator.device, generator=generator)


class Training:
    """A run under way: `step()` once an iteration, `evaluate()` when a look is due, or `run()`.

    `network` is trained in place on `device`. `seed` decides the order of the pictures, the crops
    and the flips; the network's own weights were drawn before.
    """

    def __init__(
        self,
        network: nn.Module,
        dataset: Dataset,
        recipe: Recipe,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        self.recipe, self.mean, self.std = recipe, dataset.mean, dataset.std
        self.network = network.to(device, memory_format=torch.channels_last)
        training, self.validation = (part.to(device) for part in dataset.split(SPLIT))
        self.epoch_length = len(training)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.batches = Batches(training, recipe.batch, self.generator)
        self.optimiser = torch.optim.SGD(
            network.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
        )
        self.iteration = 0
        self.seconds = 0.0  # spent in steps and evaluations
        # Sums since the last evaluation stay on the device: reading them would stop it every step.
        self.loss_sum, self.wrong_sum = torch.zeros(2, device=device)
        self.looked_at, self.looked_seconds = 0, 0.0

    def step(self) -> None:
        """One update: a batch, augmented and normalised; its loss; its gradient; SGD."""
        started = time.perf_counter()
        pictures = self.batches.next()
        images = (
            augment(pictures.images, self.generator) if self.recipe.augment else pictures.images
        )
        x = normalise(images, self.mean, self.std).contiguous(memory_format=torch.channels_last)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.recipe, self.iteration)
        self.network.train()
        answers = self.network(x)
        loss = F.cross_entropy(answers, pictures.labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            self.loss_sum = self.loss_sum + loss.detach()
            self.wrong_sum = self.wrong_sum + (answers.argmax(1) != pictures.labels).sum()
        self.iteration += 1
        self.seconds += time.perf_counter() - started

    def evaluate(self) -> Evaluation:
        """How training went since the last look, and the error on the validation pictures.

        Raises FloatingPointError where the training loss is no longer a finite number, RuntimeError
        where there was no step since the last look.
        """
        started = time.perf_counter()
        steps = self.iteration - self.looked_at
        if not steps:
            raise RuntimeError(f"no step was taken since the evaluation at {self.iteration:,}")
        train_loss = self.loss_sum.item() / steps  # waits for the device to be done
        waited = time.perf_counter() - started
        if not math.isfinite(train_loss):
            raise FloatingPointError(
                f"the training loss is {train_loss} between iterations {self.looked_at:,} and "
                f"{self.iteration:,}; a lower learning rate is the usual remedy"
            )
        train_error = 100 * self.wrong_sum.item() / (steps * self.recipe.batch)
        training_seconds = self.seconds - self.looked_seconds + waited
        score = evaluate(self.network, self.validation, self.mean, self.std)
        self.seconds += time.perf_counter() - started
        self.loss_sum, self.wrong_sum = (
            torch.zeros_like(self.loss_sum),
            torch.zeros_like(self.wrong_sum),
        )
        self.looked_at, self.looked_seconds = self.iteration, self.seconds
        return Evaluation(
            self.iteration,
            self.iteration * self.recipe.batch / self.epoch_length,
            learning_rate(self.recipe, self.iteration - 1),
            train_loss,
            train_error,
            score.loss,
            score.error,
            steps * self.recipe.batch / training_seconds,
            self.seconds,
        )

    def run(
        self,
        on_evaluation: Callable[[Evaluation], None] = print,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[Evaluation]:
        """The recipe to its end: all evaluations, each handed to `on_evaluation` as it comes."""
        evaluations = []
        while self.iteration < self.recipe.iterations:
            self.step()
            on_step()
            last = self.iteration == self.recipe.iterations
            if last or self.iteration % self.recipe.evaluate_every == 0:
                evaluations.append(self.evaluate())
                on_evaluation(evaluations[-1])
        return evaluations
