"""The pictures: `load("shapes")`, `load("cifar10")`, `load("cifar100")`.

Nothing here downloads unless it is asked to: `load(name, download=True)`.
"""

import os
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from . import cache, shapes
from .augment import augment, normalise
from .batches import read_batch
from .cifar import KNOWN, Cifar
from .dataset import Dataset, Pictures, make_dataset
from .download import fetch
from .sources import Found, read_pictures, read_source

__all__ = [
    "DATASETS",
    "Dataset",
    "Pictures",
    "augment",
    "load",
    "normalise",
    "read_batch",
    "read_pictures",
]

DATASETS = ("shapes", *KNOWN)


def load(name: str, download: bool = False) -> Dataset:
    """The dataset of that name: "shapes", drawn on the spot, or "cifar10" or "cifar100".

    CIFAR comes from the first that serves: RESNET_EDU_DATA, a folder, zip or tar (see
    `sources.read_source`), and nothing else where that is set; the cache of an earlier load; and
    only with `download` the official archive or a mirror of it. Raises ValueError for an unknown
    name or pictures that are not the dataset's, FileNotFoundError where there are none,
    ConnectionError where no server delivers, OSError where the cache's folder cannot take a
    download, RuntimeError where another process is downloading into it. Warns of class folders with
    other pixels or labels than were published.
    """
    if name == "shapes":
        train, test = shapes.draw_dataset()
        return make_dataset(name, Pictures(*train), Pictures(*test), shapes.CLASSES, "drawn")
    if name not in KNOWN:
        raise ValueError(f"unknown dataset {name!r}; there are {', '.join(DATASETS)}")
    known = KNOWN[name]
    if place := os.environ.get("RESNET_EDU_DATA"):
        dataset = _from_source(Path(place).expanduser(), known)
        cache.keep(dataset)
        return dataset
    if (dataset := cache.recall(known)) is not None:
        return dataset
    if download:
        return _from_servers(known)
    raise FileNotFoundError(
        f"{known.title} is not at hand: RESNET_EDU_DATA is not set, and no earlier load left a "
        f"cache at {cache.path_of(name)} that can be read. `python -m resnet_edu data {name}` "
        "downloads it; or set RESNET_EDU_DATA to a folder, zip or tar that holds the official "
        "batches, or train/<class>/<picture> and test/<class>/<picture>"
    )


def _from_source(source: Path, known: Cifar) -> Dataset:
    """What RESNET_EDU_DATA names; its errors say that it was RESNET_EDU_DATA."""
    said = f"RESNET_EDU_DATA does not serve {known.title}: "
    try:
        return _checked(read_source(source, known), known, source.name)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{said}{error}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{said}{error}") from error


def _from_servers(known: Cifar) -> Dataset:
    """The official archive, by way of the cache's folder, which goes when the cache is written."""
    try:
        archive = fetch(known, cache.folder())
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(
            f"{known.title} cannot be downloaded into {cache.folder()}: {error.strerror or error}; "
            "put that right, or set RESNET_EDU_CACHE to another folder"
        ) from error
    found = replace(read_source(archive, known), kind="official archive, downloaded")
    dataset = _checked(found, known, known.archive)
    if cache.keep(dataset):
        with suppress(OSError):
            archive.unlink()
    return dataset


def _checked(found: Found, known: Cifar, source: str) -> Dataset:
    """The dataset, if it is whole. Batches must be the official ones; of folders, a warning."""
    for part, (_, labels), expected in (
        ("training", found.train, known.train),
        ("test", found.test, known.test),
    ):
        if len(labels) != expected:
            raise ValueError(
                f"{source} is not the whole of {known.title}: it holds {len(labels):,} "
                f"{part} pictures, not {expected:,}"
            )
    train, test = Pictures(*found.train), Pictures(*found.test)
    dataset = make_dataset(
        known.name, train, test, known.classes, found.kind, test_ids=found.test_ids
    )
    if dataset.official is False:
        said = (
            f"{source} is not as it was published: its fingerprint is {dataset.fingerprint}, "
            f"that of {known.title} {known.fingerprint}; take another copy"
        )
        if found.kind.startswith("official"):
            raise ValueError(said)
        # Pictures that were stored with a loss are still worth training on.
        warnings.warn(f"{said}, or do not compare what comes of it", stacklevel=4)
    return dataset
