"""What the first steps leave in a network: a finished run beside the beginning of the same run.

    python -m resnet_edu.study.imprint

leaves `records/measurements/imprint.json`. It needs CIFAR-10 at hand, and tells of the runs only on
a machine like theirs: where gradients are shattered, another rounding takes the first step
elsewhere, which is one of the things measured.
"""

from collections.abc import Iterator

from torch import nn

from .. import data
from ..checkpoint import load_checkpoint
from ..data import Dataset
from ..ledger import precision_of, recipe_of
from ..records import ROOT, Run, read_run, write_measurement
from ..speed import Speed
from ..train import Training
from .flow import turned
from .specimens import drawn

COMMAND = "python -m resnet_edu.study.imprint"
RUNS = tuple(f"{name}-cifar10-short-s0" for name in ("plain56", "resnet56"))
AFTER = (0, 1, 2, 5, 20)  # updates


def beginnings(run: Run, precision: str, dataset: Dataset) -> Iterator[tuple[int, nn.Module]]:
    """The run's network after so many updates, made again in that precision."""
    seed, speed = run.record["seed"], Speed(precision)
    training = Training(drawn(run), dataset, recipe_of(run), seed, speed=speed)
    for iteration in range(AFTER[-1] + 1):
        if iteration in AFTER:
            yield iteration, training.network
        training.step()


def imprint(run: Run, dataset: Dataset) -> list[dict]:
    """A row a beginning: the cosine of each layer's weights with others, in forward order.

    `kept` is that between the run's last iterate and its own network after so many updates, in the
    precision it was made in; `rounded` that between those two beginnings that differ in nothing but
    the precision, the run's and float32.
    """
    ended = load_checkpoint(run.checkpoint)[0]
    precisions = precision_of(run), "float32"
    return [
        {
            "run": run.name,
            "network": run.record["network"],
            "iteration": iteration,
            "kept": turned(ended, begun),
            "rounded": turned(begun, other),
        }
        for (iteration, begun), (_, other) in zip(
            *(beginnings(run, precision, dataset) for precision in precisions), strict=True
        )
    ]


def measure(dataset: Dataset) -> list[dict]:
    """The rows of all runs."""
    return [row for name in RUNS for row in imprint(read_run(ROOT / "runs" / name), dataset)]


if __name__ == "__main__":
    write_measurement("imprint", COMMAND, measure(data.load("cifar10")))
