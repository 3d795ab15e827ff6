"""The cache: each dataset that was read once, as one file that is read in about a second.

It lies in RESNET_EDU_CACHE, else in XDG_CACHE_HOME/resnet_edu, else in ~/.cache/resnet_edu.
"""

import contextlib
import hashlib
import json
import os
import warnings
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..files import only_one, remove_halves, write_whole
from .cifar import Cifar
from .dataset import Dataset, Pictures, make_dataset

KEY = "resnet_edu"  # the entry of the file's metadata that holds ours, as JSON


def folder() -> Path:
    """Where the cache lies; it need not be there yet."""
    if place := os.environ.get("RESNET_EDU_CACHE"):
        return Path(place).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "resnet_edu"


def path_of(name: str) -> Path:
    """The file that holds, or would hold, the dataset of that name."""
    return folder() / f"{name}.safetensors"


def recall(known: Cifar) -> Dataset | None:
    """The dataset out of the cache; None if it has none, after a warning if the file is damaged.

    A damaged file is removed, so that the next load that succeeds writes it again.
    """
    path = path_of(known.name)
    try:
        if not path.is_file():
            return None
        return _read(path, known)
    except OSError as error:
        warnings.warn(f"the cache {path} is passed over, it cannot be read: {error}", stacklevel=3)
        return None
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        warnings.warn(f"the cache {path} is damaged and passed over: {error}", stacklevel=3)
        with contextlib.suppress(OSError):
            path.unlink()
        return None


def keep(dataset: Dataset) -> bool:
    """Writes the dataset into the cache, whole or not at all; whether it is there afterwards.

    Where it cannot be written, a warning says why, unless another process is just writing it.
    Pictures that may not be the official ones are not kept, or they would be taken for them later.
    """
    path = path_of(dataset.name)
    if not _is_certain(dataset):
        return False
    about = {"fingerprint": dataset.fingerprint, "source": dataset.source}
    tensors = {"test.ids": dataset.test_ids}
    for part, pictures in (("train", dataset.train), ("test", dataset.test)):
        tensors |= {f"{part}.images": pictures.images, f"{part}.labels": pictures.labels}
    about["ids"] = _digest(dataset.test_ids)
    try:
        if path.is_file() and _about(path) == about:
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        with only_one(path):
            remove_halves(path)
            write_whole(path, save(tensors, metadata={KEY: json.dumps(about)}))
    except RuntimeError:
        return False  # another process is writing it
    except OSError as error:
        warnings.warn(
            f"the cache could not be written, so the next load takes as long: {error}; "
            "RESNET_EDU_CACHE can name another folder",
            stacklevel=3,
        )
        return False
    return True


def _read(path: Path, known: Cifar) -> Dataset:
    about = _about(path)
    if not about:
        raise ValueError("its head is damaged, or another program wrote it")
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    train, test = (
        Pictures(tensors[f"{part}.images"], tensors[f"{part}.labels"]) for part in ("train", "test")
    )
    ids = tensors["test.ids"]
    source = f"{about['source']}, by way of the cache"
    dataset = make_dataset(known.name, train, test, known.classes, source, ids)
    if dataset.fingerprint != about["fingerprint"] or _digest(ids) != about["ids"]:
        raise ValueError("its pictures are not those that were written")
    if not _is_certain(dataset):
        raise ValueError(f"its pictures are not, or need not be, those of {known.title}")
    return dataset


def _is_certain(dataset: Dataset) -> bool:
    """Whether the pictures are the official ones: by their fingerprint or, where none is known, by
    their source, whose files were checked one by one.
    """
    return dataset.official or dataset.official is None and dataset.source.startswith("official")


def _about(path: Path) -> dict[str, str]:
    """What the file says of itself; {} where it says nothing that we wrote."""
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {})[KEY])
    except (SafetensorError, KeyError, ValueError):
        return {}


def _digest(ids: Tensor) -> str:
    return hashlib.sha256(ids.numpy()).hexdigest()[:16]
