"""A run from its plan to its record: begun, stopped, resumed, finished."""

import copy
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from . import data, records, resnet, resume
from .checkpoint import About, save_checkpoint
from .data import Dataset
from .files import only_one, remove_halves
from .plans import How, Plan, best_path, state_path
from .recipes import Recipe
from .records import Run
from .speed import Speed, Step, choose, keep_memory
from .stop import Stop
from .streams import voice
from .train import SPLIT, Evaluation, Training
from .update import Update


def make(plan: Plan, how: How, stop: Stop) -> Run | None:
    """The finished run, begun or resumed; None where `stop` came first, and the state is saved,
    if there is one yet.

    FileExistsError where it is finished already; RuntimeError where another process is at it;
    ValueError where the state of an earlier try is of another recipe, dataset, split or network, or
    was computed otherwise; FloatingPointError where a loss was not finite: the last good state
    stays. OSError where state or record cannot be written; what was saved before still is.
    """
    folder = records.prepare(how.root, plan.name)  # before hours are spent
    path = state_path(how.root, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_one(path):
        records.prepare(how.root, plan.name)  # another process may just have finished it
        for written in (folder, path, best_path(path)):
            remove_halves(written)
        return _make(plan, how, stop, folder, path)


def _make(plan: Plan, how: How, stop: Stop, folder: Path, path: Path) -> Run | None:
    """`make`, once it is sure that nobody else does."""
    keep_memory()
    say = voice(plan.name, how.progress)
    found = resume.read_state(path) if path.exists() else None
    dataset = data.load(plan.dataset)
    torch.manual_seed(plan.seed)
    network = resnet.by_name(plan.network, len(dataset.classes))
    about, iterations = _describe(plan, how, dataset), plan.recipe.iterations
    if found:
        speed = _same(path, found[1]["about"], about, how)
        about = found[1]["about"]
        if how.compiled and not speed.compiled:
            say("going on without compiling, as it was begun")
        if speed.compiled:  # begun where there is a compiler, which here there need not be
            the_same = replace(how, **asdict(speed))
            speed, _ = choose_speed(network, dataset, plan.recipe, iterations, the_same, say, stop)
            about["speed"] |= asdict(speed)
    else:
        best_path(path).unlink(missing_ok=True)  # of a state that somebody removed
        speed, measured = choose_speed(network, dataset, plan.recipe, iterations, how, say, stop)
        about["speed"] = {
            **asdict(speed),
            "memory_format": "channels_last",
            "cuda_graph": how.device.type == "cuda",
            "pictures_per_second": measured or how.measured,
        }
        about["resumed_at"], about["machines"] = [], []
    if stop.reason:  # what was measured until then may be half of it: all stays as it was
        return None
    training = Training(network, dataset, plan.recipe, plan.seed, how.device, speed)
    if found:
        resume.restore(training, *found)
        about["resumed_at"].append(training.iteration)
    _sign(about, training.iteration, how.device, say)
    after = f", after {training.iteration:,} that are done" if training.iteration else ""
    say(f"{iterations:,} iterations of {plan.recipe.batch} in {speed}{after}")
    checkpoint = About(
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
    _run(training, path, about, checkpoint, how, stop, say)
    if not training.finished:
        return None
    checkpoint = replace(checkpoint, iteration=training.iteration)
    computed = {name: about[name] for name in ("speed", "resumed_at", "machines")}
    run = records.write_run(folder, training, checkpoint, dataset.source, computed)
    for needless in (path, best_path(path)):  # only now that the record stands
        needless.unlink(missing_ok=True)
    return run


def _sign(
    about: dict[str, Any], iteration: int, device: torch.device, say: Callable[[str], None]
) -> None:
    """Adds what computes from here on, unless the last that did was like it."""
    computes = records.machine(device) | {"torch": records.versions()["torch"]}
    computes["compiled"] = about["speed"]["compiled"]
    if about["machines"]:
        before = about["machines"][-1]
        idle = {"cpu", "cores", "threads"} if device.type == "cuda" else {"cores"}
        changed = [k for k, v in computes.items() if k not in idle and before.get(k, v) != v]
        if not changed:
            return
        told = "; ".join(f"{k} {before[k]}, now {computes[k]}" for k in changed)
        say(f"begun otherwise ({told}): another order of adding up is not the same to the bit")
    about["machines"].append({"since": iteration, **computes})


def choose_speed(
    network: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    iterations: int,
    how: How,
    say: Callable[[str], None],
    stop: Stop,
) -> tuple[Speed, dict[str, float]]:
    """What to compute that many iterations in, and the pictures a second measured for each choice.

    Measured only where the work is long enough to be worth it; a guess where `stop` comes first.
    """

    def make_step(speed: Speed) -> Step:
        """An update of a copy, at a learning rate of zero: what is measured changes nothing."""
        there = copy.deepcopy(network).to(how.device, memory_format=torch.channels_last)
        pictures = dataset.train[: recipe.batch].to(how.device)
        generator = torch.Generator(how.device).manual_seed(0)
        update = Update(there, pictures, dataset, recipe, generator, speed)
        chosen = torch.arange(recipe.batch, device=how.device) % len(pictures)
        return lambda: update(chosen, 0.0)

    asked = how.precision, how.compiled, say, lambda: bool(stop.reason)
    speed, rates = choose(make_step, how.device, iterations, *asked)
    if how.device.type == "cuda":  # what was measured goes, and the memory it had
        gc.collect()
        torch.cuda.empty_cache()
    measured = {name: round(rate * recipe.batch, 1) for name, rate in rates.items()}
    if measured:
        table = ", ".join(f"{name} {rate:,.0f}" for name, rate in measured.items())
        say(f"pictures a second as measured now: {table}")
    return speed, measured


def _run(
    training: Training,
    path: Path,
    about: dict[str, Any],
    checkpoint: About,
    how: How,
    stop: Stop,
    say: Callable[[str], None],
) -> None:
    """The steps that are left, with progress shown.

    The state is saved from time to time, at a stop, and at the end of the recipe, in case the
    record cannot be written; the checkpoint whenever validation has become better.
    """
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

    def attempt(save: Callable, *arguments: Any) -> None:
        try:
            save(*arguments)
        except OSError as error:  # a full disk ends no run: what was saved before is still there
            say(f"not saved: {error}")

    def on_step() -> None:
        nonlocal saved
        bar.update(batch)
        if time.monotonic() - saved >= how.save_every:
            attempt(resume.save_state, path, training, about)
            saved = time.monotonic()

    def show(row: Evaluation) -> None:
        bar.set_postfix_str(f"errors {row.train_error:.2f} % {row.validation_error:.2f} %")

    def on_evaluation(row: Evaluation) -> None:
        show(row)
        left = (training.recipe.iterations - row.iteration) * batch / row.pictures_per_second
        say(f"{row}  {row.pictures_per_second:,.0f} pictures/s, {left / 60:,.0f} minutes left")
        if min(training.metrics, key=lambda look: look.validation_error) is row:
            now = replace(checkpoint, iteration=row.iteration)
            attempt(save_checkpoint, best_path(path), training.network, now)

    with bar:
        if training.metrics:
            show(training.metrics[-1])
        training.run(on_evaluation, on_step, stop=lambda: bool(stop.reason))
        if training.finished:
            attempt(resume.save_state, path, training, about)
        else:
            resume.save_state(path, training, about)


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
    if how.compiled:  # a wish, which where nothing compiles was not met when the run was begun
        asked["compiled"] = None
    begun = {**theirs, **asdict(speed)}
    for name, value in asked.items():
        if value is not None and begun.get(name) != value:
            raise ValueError(
                f"{path} is the state of a run whose {name} is {begun.get(name)}, but {value} is "
                "asked for; ask for the same, or remove the file to begin anew"
            )
    return speed
