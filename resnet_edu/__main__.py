"""`python -m resnet_edu`, or `resnet-edu`: trace, train, evaluate, data.

Exit codes: 0 done; 1 it could not be done, and the line on stderr says why; 2 the command line
is wrong; 130 interrupted.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from . import __version__, data, recipes, records, resnet
from .checkpoint import About, load_checkpoint
from .evaluate import evaluate
from .trace import trace
from .train import SPLIT, Training

NETWORKS = f"{', '.join(resnet.NAMES)}; with projections resnet20-B and the like"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "recipe" in options:
        try:
            options.recipe = _changed(options.recipe, options.iterations, options.batch)
        except ValueError as error:
            parser.error(str(error))
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("resnet-edu: interrupted; nothing was written", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, ArithmeticError) as error:
        print(f"resnet-edu: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resnet-edu",
        description="The residual networks of He et al. (2015) for small pictures: "
        "look inside them, train them, test them.",
        epilog="Exit codes: 0 done, 1 could not be done, 2 wrong command line, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"resnet-edu {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "trace",
        help="every module's shapes, parameters, multiply-adds and receptive field",
        description="Prints a table of what a network does to one picture, module by module.",
    )
    command.add_argument("network", type=_checked(resnet.by_name), metavar="NETWORK", help=NETWORKS)
    command.add_argument(
        "--depth",
        type=_positive,
        default=2,
        metavar="D",
        help="levels of modules to show: 1 stages, 2 blocks, 3 branches, 4 layers (default 2)",
    )
    command.set_defaults(run=_trace)

    command = commands.add_parser(
        "train",
        help="train a network and leave a record of it",
        description="Trains a network by a recipe, tests the last iterate, and leaves a folder "
        "RECORDS/runs/<network>-<dataset>-<recipe>-s<seed> with record.json, metrics.csv and the "
        "weights. It is written when the run is finished, whole or not at all.",
    )
    command.add_argument("network", type=_network, metavar="NETWORK", help=NETWORKS)
    command.add_argument("--data", choices=data.DATASETS, default="shapes", help="default: shapes")
    command.add_argument(
        "--recipe",
        type=_checked(recipes.by_name),
        default="sprint",
        metavar="RECIPE",
        help=f"one of {', '.join(recipes.RECIPES)} (default sprint, made for shapes)",
    )
    command.add_argument(
        "--iterations", type=_positive, metavar="N", help="stop after N updates instead"
    )
    command.add_argument("--batch", type=_positive, metavar="N", help="pictures an update instead")
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="default: 0")
    command.add_argument("--device", type=_checked(_device), help="default: cuda if there")
    command.add_argument("--records", type=Path, default=Path("records"), help="default: records")
    command.set_defaults(run=_train)

    command = commands.add_parser(
        "evaluate",
        help="the test error of a checkpoint",
        description="Prints loss and error of a checkpoint on its dataset's test pictures.",
    )
    command.add_argument(
        "checkpoint", type=Path, help="a .safetensors file, or the folder of a finished run"
    )
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "data",
        help="what a dataset holds, and whether it is whole",
        description="Loads a dataset, checks it and says what is there. CIFAR-10 is read from "
        "RESNET_EDU_DATA, a folder or zip of train/<class>/<picture> and test/<class>/<picture>.",
    )
    command.add_argument("dataset", choices=data.DATASETS)
    command.set_defaults(run=_data)
    return parser


def _trace(options: argparse.Namespace) -> None:
    print(trace(options.network, depth=options.depth))


def _train(options: argparse.Namespace) -> None:
    recipe = options.recipe
    name = records.run_name(options.network, options.data, recipe.name, options.seed)
    folder = records.prepare(options.records, name)  # before hours are spent
    device = options.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{name}: {recipe.iterations:,} iterations of {recipe.batch} on {device}")
    dataset = data.load(options.data)
    torch.manual_seed(options.seed)
    network = resnet.by_name(options.network, len(dataset.classes))
    training = Training(network, dataset, recipe, options.seed, device)
    pictures = recipe.iterations * recipe.batch
    with tqdm(total=pictures, unit=" pictures", unit_scale=True, dynamic_ncols=True) as bar:
        metrics = training.run(
            on_evaluation=lambda evaluation: bar.write(str(evaluation)),
            on_step=lambda: bar.update(recipe.batch),
        )
    test = evaluate(network, dataset.test, dataset.mean, dataset.std)
    about = About(
        network=options.network,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        recipe=recipe.name,
        seed=options.seed,
        iteration=training.iteration,
    )
    run = records.write_run(folder, network, about, recipe, metrics, test, dataset.source)
    print(f"test error of the last iterate {run.test_error:.2f} %; record in {run.folder}")


def _evaluate(options: argparse.Namespace) -> None:
    path = options.checkpoint
    network, about = load_checkpoint(path / "last.safetensors" if path.is_dir() else path)
    dataset = data.load(about.dataset)
    if dataset.fingerprint != about.fingerprint:
        print(
            f"note: trained on {about.dataset} {about.fingerprint}, "
            f"tested on {dataset.fingerprint}; the pictures differ",
            file=sys.stderr,
        )
    score = evaluate(network, dataset.test, about.mean, about.std)
    print(
        f"{about.network} on {len(dataset.test):,} test pictures of {about.dataset}: "
        f"error {score.error:.2f} %, loss {score.loss:.4f}"
    )


def _data(options: argparse.Namespace) -> None:
    dataset = data.load(options.dataset)
    training, validation = dataset.split(SPLIT)
    print(f"{dataset.name} ({dataset.source})")
    print(f"  training     {len(training):6,} and {len(validation):,} for validation")
    print(f"  test         {len(dataset.test):6,}")
    print(f"  classes      {', '.join(dataset.classes)}")
    print(f"  mean         {dataset.mean}")
    print(f"  std          {dataset.std}")
    print(f"  fingerprint  {dataset.fingerprint}")


def _changed(recipe: recipes.Recipe, iterations: int | None, batch: int | None) -> recipes.Recipe:
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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2³² − 1, not {text!r}")
    return int(text)


def _device(text: str) -> torch.device:
    try:
        return torch.zeros(1, device=text).device
    except AssertionError as error:  # a PyTorch that was built without that kind of device
        raise ValueError(str(error)) from error


def _network(text: str) -> str:
    _checked(resnet.by_name)(text)
    return text


def _checked(make):
    """`make` as the type of an argument: what it raises becomes a line about the command line."""

    def convert(text: str):
        try:
            return make(text)
        except (ValueError, RuntimeError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


if __name__ == "__main__":
    sys.exit(main())
