"""The ledger: finished runs in rows, beside what the paper reports, and the runs not made.

Everything is read from records. Errors are per cent of the test pictures that the last iterate gets
wrong; no other iterate is ever quoted. Runs that differ only in their seed share a row.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from .paper import PUBLISHED, Published
from .recipes import RECIPES, Recipe
from .records import Run, run_name
from .resnet import depth_of


def _planned(
    recipe: str, networks: str, dataset: str = "cifar10", seeds: Sequence[int] = (0,)
) -> list[tuple[str, str, str, int]]:
    return [(network, dataset, recipe, seed) for network in networks.split() for seed in seeds]


# (network, dataset, recipe, seed) of every run that the book means to make.
PLANNED = (
    *_planned("paper", "resnet20", seeds=(0, 1, 2)),
    *_planned("paper", "resnet20-B resnet32 resnet44 resnet56 plain20 plain32 plain44 plain56"),
    *_planned("paper-warm", "resnet110"),
    *_planned("fast", "resnet20", seeds=(0, 1, 2)),
    *_planned("short", "resnet20 resnet32 resnet44 resnet56 plain20 plain32 plain44 plain56"),
    *_planned("sprint", "resnet20 plain20", dataset="shapes"),
    *_planned("brief", "resnet20"),
    *_planned("own", "resnet20"),  # a recipe yet to be found, for an error below 7.4 %
)


@dataclass(frozen=True)
class Row:
    """Finished runs that differ in nothing but the seed, one or more, in the order of the seeds."""

    runs: tuple[Run, ...]

    @property
    def network(self) -> str:
        """Its name, as `resnet.by_name` takes it."""
        return self.runs[0].record["network"]

    @property
    def dataset(self) -> str:
        """The name of the pictures."""
        return self.runs[0].record["dataset"]

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.runs[0].record["recipe"]["name"]

    @property
    def precision(self) -> str:
        """What the runs were computed in."""
        return precision_of(self.runs[0])

    @property
    def parameters(self) -> int:
        """How many the network has."""
        return self.runs[0].record["parameters"]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the runs."""
        return tuple(run.record["seed"] for run in self.runs)

    @property
    def error(self) -> float:
        """The test error of the last iterate, in per cent, as a mean over the seeds."""
        return mean(run.test_error for run in self.runs)

    @property
    def spread(self) -> float | None:
        """The sample standard deviation of that error over the seeds; None where there is one."""
        return stdev(run.test_error for run in self.runs) if len(self.runs) > 1 else None

    @property
    def published(self) -> Published | None:
        """What the paper reports for this network, by this recipe, on these pictures."""
        return PUBLISHED.get((self.network, self.dataset, self.recipe))

    @property
    def minutes(self) -> float:
        """Those a run spent in training and evaluation, as a mean over the seeds."""
        return mean(run.record["seconds"] for run in self.runs) / 60

    @property
    def machines(self) -> str:
        """What the runs were made on, in words; a run that moved names all of them."""
        machines = [machine for run in self.runs for machine in run.record["machines"]]
        return "; ".join(dict.fromkeys(map(_machine, machines)))

    @property
    def resumed(self) -> int:
        """How many times the runs were stopped and went on, together."""
        return sum(len(run.record["resumed_at"]) for run in self.runs)


@dataclass(frozen=True)
class Missing:
    """Planned runs that are not made, and differ in nothing but the seed."""

    network: str
    dataset: str
    recipe: str
    seeds: tuple[int, ...]


def rows(runs: Iterable[Run]) -> list[Row]:
    """The runs in rows, by dataset, recipe and network; each precision has rows of its own.

    ValueError where a name does not mean one thing: where two runs of one dataset have different
    pictures or another split, where a recipe is not the one of that name, or where a folder holds
    another run than its name says.
    """
    together = defaultdict(list)
    for run in sorted(_checked(runs), key=_order):
        together[run.record["network"], *comparison_of(run)].append(run)
    return [Row(tuple(found)) for found in together.values()]


def not_made(runs: Iterable[Run]) -> list[Missing]:
    """What is planned and not among the runs, in the order of the ledger."""
    made = {run.name for run in runs}
    missing = defaultdict(list)
    for *kind, seed in PLANNED:
        if run_name(*kind, seed) not in made:
            missing[tuple(kind)].append(seed)
    kinds = sorted(missing, key=lambda kind: _place(*kind))
    return [Missing(*kind, tuple(sorted(missing[kind]))) for kind in kinds]


def comparisons(runs: Iterable[Run]) -> list[list[Run]]:
    """The runs that may stand in one figure: of one dataset, one recipe and one precision."""
    together = defaultdict(list)
    for row in rows(runs):
        together[comparison_of(row.runs[0])].extend(row.runs)
    return list(together.values())


def comparison_of(run: Run) -> tuple[str, str, str]:
    """What runs must have in common to be compared: dataset, recipe, precision."""
    return run.record["dataset"], run.record["recipe"]["name"], precision_of(run)


def precision_of(run: Run) -> str:
    """What a run was computed in: "float32", "bfloat16"."""
    return run.record["speed"]["precision"]


def title_of(name: str) -> str:
    """A network or dataset as one writes it: "ResNet-20-B", "plain-20", "CIFAR-10", "shapes"."""
    name = name.replace("resnet", "ResNet").replace("cifar", "CIFAR")
    return re.sub(r"(?<=[a-zA-Z])(?=\d)", "-", name)


def _checked(runs: Iterable[Run]) -> list[Run]:
    """The runs, of which each name means one thing."""
    runs = list(runs)
    known = {("recipe", name): (_trained(recipe), "this code") for name, recipe in RECIPES.items()}
    for run in runs:
        record, recipe = run.record, recipe_of(run)
        name = run_name(record["network"], record["dataset"], recipe.name, record["seed"])
        if run.name != name:
            raise ValueError(f"the folder {run.folder} holds the run {name}; rename or remove it")
        for what, of, value in (
            ("fingerprint", record["dataset"], record["fingerprint"]),
            ("split", record["dataset"], record["split"]),
            ("recipe", recipe.name, _trained(recipe)),
        ):
            first, where = known.setdefault((what, of), (value, run.name))
            if value != first:
                raise ValueError(
                    f"the {what} of {of} is {value} in {run.name}, but {first} in {where}: they "
                    "cannot stand in one ledger; make the run again, or keep it in other records"
                )
    return runs


def recipe_of(run: Run) -> Recipe:
    """The recipe as the record has it."""
    values = run.record["recipe"]
    return Recipe(**{**values, "milestones": tuple(values["milestones"])})


def _trained(recipe: Recipe) -> Recipe:
    """What of a recipe changes the training: not how often one looks."""
    return replace(recipe, evaluate_every=1)


def _machine(machine: dict) -> str:
    if machine["gpu"]:
        return f"GPU, {machine['gpu']}"
    threads = machine["threads"]
    return f"CPU, {machine['cpu']}, {threads} thread{'s' if threads > 1 else ''}"


def _place(network: str, dataset: str, recipe: str) -> tuple:
    """Where something stands in the ledger: recipes in their own order, unknown ones last."""
    known = list(RECIPES)
    place = known.index(recipe) if recipe in known else len(known)
    return dataset, place, recipe, network.startswith("plain"), depth_of(network), network


def _order(run: Run) -> tuple:
    dataset, recipe, precision = comparison_of(run)
    return *_place(run.record["network"], dataset, recipe), precision, run.record["seed"]
