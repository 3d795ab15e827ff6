"""A run from its plan to its record: begun, stopped, resumed, finished."""

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

from . import data, records, resnet, resume
from .checkpoint import About
from .data import Dataset
from .files import only_one, remove_halves
from .recipes import Recipe
from .records import Run
from .speed import Speed, Step, choose, keep_memory
from .stop import Stop
from .train import SPLIT, Evaluation, Training
from .update import Update


@dataclass(frozen=True)
class Plan:
    """What is to be trained, on what, how, and with which seed."""

    network: str
    dataset: str
    recipe: Recipe
    seed: int = 0

    @property
    def name(self) -> str:
        """Of the folder that the finished run leaves, such as "resnet20-cifar10-paper-s0"."""
        return records.run_name(self.network, self.dataset, self.recipe.name, self.seed)


@dataclass(frozen=True)
class How:
    """Where a run is made and how fast; nothing of what is trained.

    `precision` and `compiled`, where None, are chosen by measuring. The state is saved every
    `save_every` seconds and at every stop.
    """

    root: Path
    device: torch.device
    precision: str | None = None
    compiled: bool | None = None
    save_every: float = 300.0
    progress: Literal["bar", "lines", "none"] = "bar"


def state_path(root: Path, plan: Plan) -> Path:
    """Where a run under way keeps its state; git ignores the folder."""
    return Path(root) / "under-way" / f"{plan.name}.safetensors"


def make(plan: Plan, how: How, stop: Stop) -> Run | None:
    """The finished run, begun or resumed; None where `stop` came first, and the state is saved.

    FileExistsError where it is finished already; RuntimeError where another process is at it;
    ValueError where the state of an earlier try is
    of another recipe, dataset, split or network, or was computed otherwise; FloatingPointError
    where a loss was not finite: the last good state stays.
    """
    folder = records.prepare(how.root, plan.name)  # before hours are spent
    path = state_path(how.root, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_one(path):
        remove_halves(path)
        return _make(plan, how, stop, folder, path)


def _make(plan: Plan, how: How, stop: Stop, folder: Path, path: Path) -> Run | None:
    """`make`, once it is sure that nobody else does."""
    keep_memory()
    say = _voice(plan, how)
    found = resume.read_state(path) if path.exists() else None
    dataset = data.load(plan.dataset)
    torch.manual_seed(plan.seed)
    network = resnet.by_name(plan.network, len(dataset.classes))
    about = _describe(plan, how, dataset)
    if found:
        speed = _same(path, found[1]["about"], about, how)
        about = found[1]["about"]
    else:
        iterations = plan.recipe.iterations
        speed, measured = choose_speed(network, dataset, plan.recipe, iterations, how, say)
        about["speed"] = {
            **asdict(speed),
            "memory_format": "channels_last",
            "cuda_graph": how.device.type == "cuda",
            "pictures_per_second": measured,
        }
        about["resumed_at"] = []
    training = Training(network, dataset, plan.recipe, plan.seed, how.device, speed)
    if found:
        resume.restore(training, *found)
        about["resumed_at"].append(training.iteration)
    after = f", after {training.iteration:,} that are done" if training.iteration else ""
    say(f"{plan.recipe.iterations:,} iterations of {plan.recipe.batch} in {speed}{after}")
    _run(training, path, about, how, stop, say)
    if not training.finished:
        resume.save_state(path, training, about)
        return None
    of_last = About(
        network=plan.network,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        recipe=plan.recipe.name,
        seed=plan.seed,
        iteration=training.iteration,
    )
    run = records.write_run(
        folder, training, of_last, dataset.source, about["speed"], about["resumed_at"]
    )
    path.unlink(missing_ok=True)  # only now that the record stands
    return run


def choose_speed(
    network: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    iterations: int,
    how: How,
    say: Callable[[str], None],
) -> tuple[Speed, dict[str, float]]:
    """What to compute that many iterations in, and the pictures a second measured for each choice.

    Measured only where the work is long enough to be worth it.
    """

    def make_step(speed: Speed) -> Step:
        """An update of a copy, at a learning rate of zero: what is measured changes nothing."""
        there = copy.deepcopy(network).to(how.device, memory_format=torch.channels_last)
        pictures = dataset.train[: recipe.batch].to(how.device)
        generator = torch.Generator(how.device).manual_seed(0)
        update = Update(there, pictures, dataset, recipe, generator, speed)
        chosen = torch.arange(recipe.batch, device=how.device) % len(pictures)
        return lambda: update(chosen, 0.0)

    speed, rates = choose(make_step, how.device, iterations, how.precision, how.compiled, say)
    measured = {name: round(rate * recipe.batch, 1) for name, rate in rates.items()}
    if measured:
        table = ", ".join(f"{name} {rate:,.0f}" for name, rate in measured.items())
        say(f"pictures a second as measured now: {table}")
    return speed, measured


def _run(
    training: Training,
    path: Path,
    about: dict[str, Any],
    how: How,
    stop: Stop,
    say: Callable[[str], None],
) -> None:
    """The steps that are left, with progress shown and the state saved from time to time."""
    batch = training.recipe.batch
    bar = tqdm(
        total=training.recipe.iterations * batch,
        initial=training.iteration * batch,
        unit=" pictures",
        unit_scale=True,
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 30,  # a log file is not a screen
        disable=how.progress != "bar",
    )
    saved = time.monotonic()

    def on_step() -> None:
        nonlocal saved
        bar.update(batch)
        if time.monotonic() - saved >= how.save_every:
            try:
                resume.save_state(path, training, about)
            except OSError as error:  # a full disk ends no run: the older state is still there
                say(f"the state cannot be saved, training goes on: {error}")
            saved = time.monotonic()

    def on_evaluation(row: Evaluation) -> None:
        bar.set_postfix_str(f"errors {row.train_error:.2f} % {row.validation_error:.2f} %")
        say(str(row))

    with bar:
        training.run(on_evaluation, on_step, stop=lambda: bool(stop.reason))


def _voice(plan: Plan, how: How) -> Callable[[str], None]:
    """How this run says something, a line at a time."""
    if how.progress == "none":
        return lambda line: None
    if how.progress == "bar":
        return tqdm.write
    return lambda line: print(f"{plan.name}: {line}", flush=True)


def _describe(plan: Plan, how: How, dataset: Dataset) -> dict[str, Any]:
    """What must be the same when a run goes on, in JSON's types."""
    recipe = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(plan.recipe).items()}
    return {
        "network": plan.network,
        "recipe": recipe,
        "seed": plan.seed,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "split": SPLIT,
        "device": how.device.type,
    }


def _same(path: Path, theirs: dict[str, Any], ours: dict[str, Any], how: How) -> Speed:
    """The speed a state was made with; ValueError where what is asked for is another run."""
    speed = Speed(theirs["speed"]["precision"], theirs["speed"]["compiled"])
    asked = {**ours, "precision": how.precision, "compiled": how.compiled}
    begun = {**theirs, **asdict(speed)}
    for name, value in asked.items():
        if value is not None and begun.get(name) != value:
            raise ValueError(
                f"{path} is the state of a run whose {name} is {begun.get(name)}, but {value} is "
                "asked for; ask for the same, or remove the file to begin anew"
            )
    return speed
