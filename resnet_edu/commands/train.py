"""`train` and `sweep`: one run or several, from their plans to their records."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

from .. import data, recipes
from ..plans import How, Plan, state_path
from ..recipes import Recipe
from ..records import Run
from ..runs import make
from ..speed import PRECISIONS
from ..stop import Stop
from ..streams import steady
from ..sweep import Outcome, sweep
from . import DONE, FAILED, NETWORKS, STOPPED, checked, device, minutes, network, positive, seed

LEAVES = (
    "The record goes to RECORDS/runs/<network>-<dataset>-<recipe>-s<seed>: record.json, "
    "metrics.csv and the weights, whole or not at all; weights over 4 MB to RECORDS/large. Until "
    "then the state to go on from lies in RECORDS/under-way, with the checkpoint that was best on "
    "validation so far; Ctrl-C, SIGTERM and --minutes leave them there, once there is anything, "
    "and the same command goes on."
)


def add(commands: Any) -> None:
    """Adds both commands to the parser."""
    command = commands.add_parser(
        "train",
        help="train a network and leave a record of it",
        description="Trains a network by a recipe and leaves a record. " + LEAVES,
    )
    command.add_argument("network", type=network, metavar="NETWORK", help=NETWORKS)
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    _add_shared(command)
    command.set_defaults(run=run_train, check=check)

    command = commands.add_parser(
        "sweep",
        help="several such runs: skip the finished, resume the rest",
        description="Trains every network with every seed, all in the same precision; skips the "
        "finished runs and resumes those that were stopped. " + LEAVES,
    )
    command.add_argument("networks", type=network, nargs="+", metavar="NETWORK", help=NETWORKS)
    command.add_argument("--seeds", type=seed, nargs="+", default=[0], metavar="N")
    command.add_argument(
        "--at-once", type=positive, default=1, metavar="N", help="runs side by side (default 1)"
    )
    _add_shared(command)
    command.set_defaults(run=run_sweep, check=check)


def _add_shared(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", choices=data.DATASETS, default="shapes", help="default: shapes")
    command.add_argument(
        "--recipe",
        type=checked(recipes.by_name),
        default="sprint",
        metavar="RECIPE",
        help=f"one of {', '.join(recipes.RECIPES)} (default sprint, made for shapes)",
    )
    command.add_argument(
        "--iterations", type=positive, metavar="N", help="stop after N updates instead"
    )
    command.add_argument("--batch", type=positive, metavar="N", help="pictures an update instead")
    command.add_argument("--device", type=device, help="default: cuda if there")
    command.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="default: float32, and the fastest as measured for runs over ten minutes",
    )
    command.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="default: no, and the fastest as measured for runs over ten minutes",
    )
    command.add_argument("--minutes", type=minutes, metavar="M", help="stop tidily after M minutes")
    command.add_argument(
        "--save-every",
        type=minutes,
        default=5.0,
        metavar="M",
        help="minutes between two states to go on from (default 5)",
    )
    command.add_argument("--records", type=Path, default=Path("records"), help="default: records")


def check(options: argparse.Namespace) -> None:
    """Puts what was asked for together; ValueError where it makes no training."""
    options.recipe = changed(options.recipe, options.iterations, options.batch)


def changed(recipe: Recipe, iterations: int | None, batch: int | None) -> Recipe:
    """The recipe with another length or batch, under a name that says so."""
    if iterations and iterations != recipe.iterations:
        # The turns of the schedule keep their place in the whole.
        shrunk = tuple(max(1, m * iterations // recipe.iterations) for m in recipe.milestones)
        recipe = dataclasses.replace(
            recipe,
            name=f"{recipe.name}-{iterations}it",
            iterations=iterations,
            milestones=shrunk,
            evaluate_every=min(recipe.evaluate_every, iterations),
        )
    if batch and batch != recipe.batch:
        recipe = dataclasses.replace(recipe, name=f"{recipe.name}-b{batch}", batch=batch)
    return recipe


def run_train(options: argparse.Namespace) -> int:
    """One run, to its record or to a tidy stop."""
    plan = Plan(options.network, options.data, options.recipe, options.seed)
    how, stop = _how(options), Stop(options.minutes)
    print(f"{plan.name} on {how.device}")
    with steady(), stop.listening():
        return _ended(make(plan, how, stop), plan, how, stop)


def _ended(run: Run | None, plan: Plan, how: How, stop: Stop) -> int:
    """Says what came of a run, or where it stands."""
    if run:
        print(f"test error of the last iterate {run.test_error:.2f} %; record in {run.folder}")
        if run.checkpoint.parent != run.folder:
            print(f"weights in {run.checkpoint.parent}: over 4 MB, they stay out of the record")
        return DONE
    path = state_path(how.root, plan)
    if path.exists():
        return _stopped(stop, f"the state lies in {path}; the same command goes on from there")
    if stop.reason == "time":
        return _stopped(
            stop,
            "nothing was done yet; give it more --minutes, of which measuring what to compute in "
            "may take three, or say both --precision and --compile or --no-compile",
        )
    return _stopped(stop, "nothing was done yet; the same command begins it")


def run_sweep(options: argparse.Namespace) -> int:
    """Several runs; the worst that came of any decides what it ends with."""
    plans = [
        Plan(name, options.data, options.recipe, number)
        for name in options.networks
        for number in options.seeds
    ]
    stop = Stop(options.minutes)
    with steady(), stop.listening():
        outcome = sweep(plans, _how(options), stop, options.at_once)
        for plan in plans:
            where = sys.stderr if plan.name in outcome.failed else sys.stdout
            print(f"{plan.name}: {_came_of(plan.name, outcome)}", file=where)
        if outcome.failed:
            return FAILED
        return _stopped(stop, "the same command goes on") if outcome.stopped else DONE


def _came_of(name: str, outcome: Outcome) -> str:
    if name in outcome.finished:
        return f"test error of the last iterate {outcome.finished[name].test_error:.2f} %"
    return f"failed: {outcome.failed[name]}" if name in outcome.failed else "not finished"


def _how(options: argparse.Namespace) -> How:
    there = options.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    every = 60 * options.save_every
    return How(options.records, there, options.precision, options.compile, every)


def _stopped(stop: Stop, then: str) -> int:
    print(f"resnet-edu: stopped ({stop.reason}); {then}", file=sys.stderr)
    return 128 + stop.signal if stop.signal is not None else STOPPED
