"""The training loop: counted in iterations, one path for every device."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .data import Dataset
from .evaluate import evaluate
from .recipes import Recipe, learning_rate
from .speed import FLOAT32, Speed
from .update import Update

SPLIT = 0  # every run holds the same validation pictures back, whatever its own seed
WARM_UP_LOOK = 50  # iterations between two looks at whether the warm-up has done its work


@dataclass(frozen=True)
class Evaluation:
    """A row of `metrics.csv`. Losses in nats, errors in per cent, `seconds` since the start.

    `learning_rate` is the one the last update used. The training loss and error are means over
    the batches since the evaluation before, augmented and in training mode, as the network met
    them; `pictures_per_second` counts those batches and leaves the evaluation out. The test error
    is written down for the curves; nothing is ever chosen by it.
    """

    iteration: int
    epoch: float
    learning_rate: float
    train_loss: float
    train_error: float
    validation_loss: float
    validation_error: float
    test_loss: float
    test_error: float
    pictures_per_second: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"iteration {self.iteration:6,}  epoch {self.epoch:6.2f}  lr {self.learning_rate:.4f}  "
            f"training {self.train_loss:.3f} {self.train_error:5.2f} %  "
            f"validation {self.validation_loss:.3f} {self.validation_error:5.2f} %"
        )


class Batches:
    """An endless stream of batches, as numbers of pictures: each once an epoch, in a new order.

    A batch may lie across the border of two epochs, so that each holds `batch` pictures.
    """

    def __init__(self, pictures: int, batch: int, generator: torch.Generator):
        self.pictures, self.batch, self.generator = pictures, batch, generator
        self.order = self._shuffled()

    def next(self) -> Tensor:
        """The numbers of the next `batch` pictures: int64 (batch,)."""
        while len(self.order) < self.batch:
            self.order = torch.cat([self.order, self._shuffled()])
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        return chosen

    def _shuffled(self) -> Tensor:
        device = self.generator.device
        return torch.randperm(self.pictures, device=device, generator=self.generator)


class Training:
    """A run under way: `step()` once an iteration, `evaluate()` when a look is due, or `run()`.

    `network` is trained in place on `device`. `seed` decides the order of the pictures, the crops
    and the flips; the network's own weights were drawn before. `metrics` are the evaluations so
    far, `best` the weights at the one with the lowest validation error, the earliest of equals.
    """

    def __init__(
        self,
        network: nn.Module,
        dataset: Dataset,
        recipe: Recipe,
        seed: int = 0,
        device: torch.device | str = "cpu",
        speed: Speed = FLOAT32,
    ):
        self.recipe, self.mean, self.std = recipe, dataset.mean, dataset.std
        self.network = network.to(device, memory_format=torch.channels_last)
        parts = (*dataset.split(SPLIT), dataset.test)
        self.pictures, self.validation, self.test = (part.to(device) for part in parts)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.batches = Batches(len(self.pictures), recipe.batch, self.generator)
        self.update = Update(self.network, self.pictures, dataset, recipe, self.generator, speed)
        self.iteration = self.looked_at = 0
        self.rate = 0.0  # of the last update
        self.seconds = self.looked_seconds = 0.0  # spent in steps and evaluations
        self.metrics: list[Evaluation] = []
        self.best: dict[str, Tensor] = {}
        self.warming_up = recipe.warm_up_below is not None
        self.warm_up_ended: int | None = None  # after how many iterations
        self.warm_up_look = (0, 0.0)  # the iteration of the last look, and the wrong answers then

    @property
    def finished(self) -> bool:
        """Whether the recipe has come to its end and the end was evaluated."""
        return self.iteration == self.looked_at == self.recipe.iterations

    def step(self) -> None:
        """One update at the recipe's learning rate."""
        started = time.perf_counter()
        self.rate = learning_rate(self.recipe, self.iteration, self.warming_up)
        self.update(self.batches.next(), self.rate)
        self.iteration += 1
        if self.warming_up and self.iteration % WARM_UP_LOOK == 0:
            self._look_at_warm_up()
        self.seconds += time.perf_counter() - started

    def _look_at_warm_up(self) -> None:
        """Ends the warm-up where the error of the last iterations is low enough."""
        since, wrong_then = self.warm_up_look
        wrong = self.update.sums[1].item()
        pictures = (self.iteration - since) * self.recipe.batch
        self.warm_up_look = (self.iteration, wrong)
        if 100 * (wrong - wrong_then) / pictures < self.recipe.warm_up_below:
            self.warming_up, self.warm_up_ended = False, self.iteration

    def check(self) -> tuple[float, float]:
        """The sums of losses and of wrong answers since the last evaluation.

        Waits for the device. FloatingPointError, with the iteration, where a loss was not finite,
        or a weight or a statistic is not.
        """
        loss, wrong, finite = self.update.sums.tolist()
        what, after = "the training loss", self.looked_at + finite
        if after == self.iteration:  # the last update may have spoilt what no loss has met yet
            tensors = self.network.state_dict()  # a momentum that is not finite leaves weights so
            whole = torch.stack([value.isfinite().all() for value in tensors.values()]).tolist()
            if all(whole):
                return loss, wrong
            what = list(tensors)[whole.index(False)]
        raise FloatingPointError(
            f"{what} is no finite number after {after:,.0f} iterations; a lower learning rate is "
            "the usual remedy"
        )

    def evaluate(self) -> Evaluation:
        """How training went since the last look, and the error on validation and test pictures.

        Raises FloatingPointError where the training loss is no longer a finite number, RuntimeError
        where there was no step since the last look.
        """
        started = time.perf_counter()
        steps = self.iteration - self.looked_at
        if not steps:
            raise RuntimeError(f"no step was taken since the evaluation at {self.iteration:,}")
        loss_sum, wrong_sum = self.check()
        training_seconds = self.seconds - self.looked_seconds + time.perf_counter() - started
        validation, test = (
            evaluate(self.network, pictures, self.mean, self.std)
            for pictures in (self.validation, self.test)
        )
        self.seconds += time.perf_counter() - started
        self.update.sums.zero_()
        self.looked_at, self.looked_seconds = self.iteration, self.seconds
        self.warm_up_look = (self.iteration, 0.0)
        row = Evaluation(
            iteration=self.iteration,
            epoch=self.iteration * self.recipe.batch / len(self.pictures),
            learning_rate=self.rate,
            train_loss=loss_sum / steps,
            train_error=100 * wrong_sum / (steps * self.recipe.batch),
            validation_loss=validation.loss,
            validation_error=validation.error,
            test_loss=test.loss,
            test_error=test.error,
            pictures_per_second=steps * self.recipe.batch / training_seconds,
            seconds=self.seconds,
        )
        if row.validation_error < min(
            (earlier.validation_error for earlier in self.metrics), default=math.inf
        ):
            weights = self.network.state_dict()
            self.best = {name: value.clone() for name, value in weights.items()}
        self.metrics.append(row)
        return row

    def run(
        self,
        on_evaluation: Callable[[Evaluation], None] = print,
        on_step: Callable[[], None] = lambda: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[Evaluation]:
        """The recipe to its end, or until `stop()`: all evaluations so far.

        Each is handed to `on_evaluation` as it comes.
        """
        while not self.finished and not stop():
            last = self.iteration == self.recipe.iterations
            due = last or self.iteration % self.recipe.evaluate_every == 0
            if due and self.iteration > self.looked_at:
                on_evaluation(self.evaluate())
            else:
                self.step()
                on_step()
        return self.metrics
