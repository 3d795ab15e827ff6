"""A dataset in memory: its pictures, their statistics, their fingerprint and their split."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import cifar


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show: `images` uint8 (N, 3, 32, 32), `labels` int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: Tensor | slice) -> "Pictures":
        return Pictures(self.images[chosen], self.labels[chosen])

    def rank(self) -> Tensor:
        """Their positions in the order of their pixels' hashes, whatever order they stand in."""
        return torch.from_numpy(np.argsort(np.array(_digests(self)), kind="stable"))

    def to(self, device: torch.device | str) -> "Pictures":
        """The same pictures in the memory of `device`."""
        return Pictures(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A dataset whole: training and test pictures, the names of the classes, where it came from.

    `test_ids`, int64 (N,), name the test pictures: the files' stems where all of them are whole
    numbers, else the positions. `mean` and `std` are what the training pictures really have, a
    channel at a time, in units of 0 … 1 and to four digits: for CIFAR-10 (0.4914, 0.4822, 0.4465)
    and (0.2470, 0.2435, 0.2616). `fingerprint` fixes pixels and labels, whatever order or format
    the source kept them in. `source` says what kind of source it was, never where it lies.
    """

    name: str
    train: Pictures
    test: Pictures
    test_ids: Tensor
    classes: tuple[str, ...]
    source: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fingerprint: str

    @property
    def official(self) -> bool | None:
        """Whether all pixels and labels are the official ones; None where no fingerprint is known.

        False, with the right number of pictures, means a copy in a format that loses something.
        """
        known = cifar.KNOWN.get(self.name)
        if known is None or known.fingerprint is None:
            return None
        return self.fingerprint == known.fingerprint

    def split(self, seed: int = 0) -> tuple[Pictures, Pictures]:
        """Training and validation pictures, nine to one: 45,000 and 5,000 of CIFAR-10's.

        Pictures are ranked by the hash of their pixels before the seeded permutation, so the same
        seed takes the same pictures whatever order the source had them in. The 45k/5k split is
        section 4.2's; which pictures it took, the paper does not say.
        """
        ranked = self.train.rank()
        # RandomState's streams are frozen by NumPy's promise; Generator's may change.
        shuffled = ranked[np.random.RandomState(seed).permutation(len(ranked))]
        validation = len(ranked) // 10
        return self.train[shuffled[validation:]], self.train[shuffled[:validation]]


def make_dataset(
    name: str,
    train: Pictures,
    test: Pictures,
    classes: Sequence[str],
    source: str,
    test_ids: Tensor | None = None,
) -> Dataset:
    """The dataset of these pictures, with its statistics and its fingerprint.

    Without `test_ids` the test pictures are numbered from 0.
    """
    mean, std = _mean_and_std(train.images)
    fingerprint = hashlib.sha256()
    for pictures in (train, test):
        labelled = zip(_digests(pictures), pictures.labels.tolist(), strict=True)
        for digest, label in sorted(labelled):
            fingerprint.update(digest + bytes([label]))
    if test_ids is None:
        test_ids = torch.arange(len(test))
    return Dataset(
        *(name, train, test, test_ids, tuple(classes), source),
        *(mean, std, fingerprint.hexdigest()[:16]),
    )


def _mean_and_std(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of each channel, from a count of the 256 values: exact, and no float copy of the pictures."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = (share * values).sum()
        means.append(round(mean.item(), 4))
        stds.append(round((share * (values - mean) ** 2).sum().sqrt().item(), 4))
    return tuple(means), tuple(stds)


def _digests(pictures: Pictures) -> list[bytes]:
    """The SHA-256 of each picture's bytes, channel by channel."""
    return [hashlib.sha256(image).digest() for image in pictures.images.numpy()]
