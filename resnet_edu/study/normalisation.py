"""What normalisation takes away, what goes in after augmentation, and what a wrong one does.

    python -m resnet_edu.study.normalisation

leaves `records/measurements/normalisation.json`, for *Pictures in*. It needs CIFAR-10 at hand.
"""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from ..blocks import BasicBlock
from ..checkpoint import load_checkpoint
from ..data import Dataset, load
from ..data.augment import PAD
from ..evaluate import evaluate
from ..recipes import SPRINT
from ..records import ROOT, write_measurement
from ..resnet import ResNet
from ..train import Training

COMMAND = "python -m resnet_edu.study.normalisation"
COPIED = (0.2023, 0.1994, 0.2010)  # what half of the internet has for CIFAR-10's deviation
RUNS = {"shapes": "resnet20-shapes-sprint-s0", "cifar10": "resnet20-cifar10-brief-s0"}
SEEDS = range(3)


def own_spread(images: Tensor, correction: int = 0) -> tuple[Tensor, Tensor]:
    """Each picture's own mean and standard deviation, a channel at a time: float64 (N, 3), twice.

    In units of 0 … 1, from uint8 (N, 3, H, W). `correction` 1 divides by n − 1 pixels, not n.
    """
    some = [batch.double() / 255 for batch in images.split(1000)]
    means = torch.cat([batch.mean((2, 3)) for batch in some])
    stds = torch.cat([batch.std((2, 3), correction=correction) for batch in some])
    return means, stds


def parts_of_variance(means: Tensor, stds: Tensor) -> Tensor:
    """Three parts that add up to the variance of all pixels, a channel at a time: (3, channels).

    The square of the mean standard deviation, the variance of the standard deviations, and the
    variance of the means, all from `own_spread` with correction 0.
    """
    return torch.stack([stds.mean(0) ** 2, stds.var(0, correction=0), means.var(0, correction=0)])


def views_that_show(side: int) -> Tensor:
    """In how many of the 81 crops each pixel is seen: int64 (side, side)."""
    place, shift = torch.arange(side)[:, None], torch.arange(2 * PAD + 1)
    seen = place + PAD - shift  # where the pixel comes to lie in the crop
    ways = ((seen >= 0) & (seen < side)).sum(1)
    return ways[:, None] * ways


def fed(dataset: Dataset) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and deviation, (3,) each, of what training pictures are once they are normalised.

    Over all 162 views of each picture, exactly, with a border that is "black", where pictures are
    padded before they are normalised, or "mean", where after; "none" is without augmentation.
    """
    m, deviation = (
        torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (dataset.mean, dataset.std)
    )
    images, total, squares = dataset.train.images, 0, 0
    for batch in images.split(500):
        x = (batch.double() / 255 - m) / deviation
        total, squares = total + x.sum(0), squares + (x**2).sum(0)
    first, second = total / len(images), squares / len(images)  # (3, H, W): pixel by pixel
    shown = views_that_show(images.shape[-1]).double() / (2 * PAD + 1) ** 2
    everywhere = torch.ones_like(shown)
    moments = {}
    for border, share, fill in (
        ("none", everywhere, 0),
        ("black", shown, -m / deviation),
        ("mean", shown, 0),
    ):
        mean = (share * first + (1 - share) * fill).mean((1, 2))
        square = (share * second + (1 - share) * fill**2).mean((1, 2))
        moments[border] = mean, (square - mean**2).sqrt()
    return moments


def same_pictures(images: Tensor, others: Tensor) -> int:
    """How many of `others` are among `images`, to the byte."""
    known = {hashlib.sha256(image).digest() for image in images.contiguous().numpy()}
    return sum(hashlib.sha256(image).digest() in known for image in others.contiguous().numpy())


def normalisations(dataset: Dataset) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Mean and deviation under a name: the right ones, and others that are found in use."""
    _, stds = own_spread(dataset.train.images, correction=1)
    return {
        "right": (dataset.mean, dataset.std),
        "mean of stds": (dataset.mean, tuple(stds.mean(0).tolist())),
        "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "0.5 and 0.5": ((0.5,) * 3, (0.5,) * 3),
        "none, 0 to 1": ((0.0,) * 3, (1.0,) * 3),
    }


def train(dataset: Dataset, seed: int) -> float:
    """The test error of a small ResNet-8 after the sprint recipe."""
    torch.manual_seed(seed)
    network = ResNet(BasicBlock, (1, 1, 1), (8, 16, 32))
    training = Training(network, dataset, replace(SPRINT, evaluate_every=SPRINT.iterations), seed)
    return training.run(on_evaluation=lambda row: None)[-1].test_error


def trainings(dataset: Dataset) -> dict[str, Dataset]:
    """The same pictures with other numbers to normalise them by, under what was done."""
    return {
        "right": dataset,
        "mean of stds": replace(dataset, std=normalisations(dataset)["mean of stds"][1]),
        "bytes": replace(dataset, mean=(0.0,) * 3, std=(1 / 255,) * 3),
        "a ten-thousandth": replace(dataset, std=tuple(10_000 * s for s in dataset.std)),
    }


def measure() -> list[dict]:
    """A row a measurement; "what" says of what."""
    rows = []
    for name, run in RUNS.items():
        dataset = load(name)
        rows += measure_pictures(dataset)
        network, _ = load_checkpoint(ROOT / "runs" / run / "last.safetensors")
        for called, (mean, std) in normalisations(dataset).items():
            error = evaluate(network, dataset.test, mean, std).error
            row = {"normalisation": called, "mean": mean, "std": std, "error": error}
            rows.append({"what": "checkpoint", "dataset": name, "run": run, **row})
            print(rows[-1], flush=True)
    shapes = load("shapes")
    for seed in SEEDS:
        for called, dataset in trainings(shapes).items():
            row = {"normalisation": called, "seed": seed, "error": train(dataset, seed)}
            rows.append({"what": "training", "dataset": "shapes", **row})
            print(rows[-1], flush=True)
    return rows


def measure_pictures(dataset: Dataset) -> list[dict]:
    """What can be counted and measured of the pictures alone."""
    images, name = dataset.train.images, dataset.name
    means, stds = own_spread(images)
    row = {
        "parts": parts_of_variance(means, stds).tolist(),
        "mean_of_stds": stds.mean(0).tolist(),
        "mean_of_stds_n_minus_1": own_spread(images, correction=1)[1].mean(0).tolist(),
        "mean": means.mean(0).tolist(),
        "std": parts_of_variance(means, stds).sum(0).sqrt().tolist(),
    }
    rows = [{"what": "spread", "dataset": name, **row}]
    for border, (mean, std) in fed(dataset).items():
        row = {"border": border, "mean": mean.tolist(), "std": std.tolist()}
        rows.append({"what": "fed", "dataset": name, **row})
    for mirrored in (False, True):
        test = dataset.test.images.flip(3) if mirrored else dataset.test.images
        row = {"mirrored": mirrored, "count": same_pictures(images, test)}
        rows.append({"what": "test pictures in training", "dataset": name, **row})
    return rows


if __name__ == "__main__":
    write_measurement("normalisation", COMMAND, measure())
