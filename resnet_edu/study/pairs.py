"""Which of CIFAR-10's test pictures two networks miss together that were trained separately.

    python -m resnet_edu.study.pairs

leaves `records/measurements/pairs.json`: for *Predictions* three networks of one recipe that differ
in nothing but their seeds, for *The residual block* and *The full run* three of one recipe and one
seed that differ in their shortcuts. It needs CIFAR-10 at hand.
"""

from collections.abc import Iterable
from itertools import combinations

from torch import Tensor

from ..checkpoint import load_checkpoint
from ..data import load
from ..predict import predict
from ..records import ROOT, read_run, write_measurement

COMMAND = "python -m resnet_edu.study.pairs"
SEEDS = tuple(f"resnet20-cifar10-fast-s{seed}" for seed in range(3))
SHORTCUTS = tuple(f"{name}-cifar10-paper-s0" for name in ("resnet20", "resnet20-B", "plain20"))


def together(wrong: dict[str, Tensor]) -> list[dict]:
    """A row a pair: how many pictures each of the two misses, and how many both.

    `wrong` holds for each network, by name, which pictures it misses, bool (N,).
    """
    return [
        {
            "one": one,
            "other": other,
            "pictures": len(wrong[one]),
            "missed_by_one": int(wrong[one].sum()),
            "missed_by_other": int(wrong[other].sum()),
            "missed_by_both": int((wrong[one] & wrong[other]).sum()),
        }
        for one, other in combinations(wrong, 2)
    ]


def measure(runs: Iterable[str]) -> list[dict]:
    """`together` for the last iterates of the finished runs of these names, all of one dataset."""
    found = {name: load_checkpoint(read_run(ROOT / "runs" / name).checkpoint) for name in runs}
    (dataset,) = {about.dataset for _, about in found.values()}
    test = load(dataset).test
    return together(
        {
            name: predict(network, test.images, about.mean, about.std) != test.labels
            for name, (network, about) in found.items()
        }
    )


if __name__ == "__main__":
    write_measurement("pairs", COMMAND, measure(SEEDS) + measure(SHORTCUTS))
