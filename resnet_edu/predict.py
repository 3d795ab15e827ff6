"""Predictions: the class of every picture, from pictures in many forms to a file `Id,Label`."""

import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from .data import read_batch, read_pictures
from .data.batches import Batch
from .evaluate import logits
from .files import write_whole

HEADER = ("Id", "Label")
AT_ONCE = 500  # pictures between two looks of the progress bar
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2")
FORMS = "a folder, zip or tar of one or more, a .npy or .npz, or an official batch"


def predict(
    network: nn.Module, images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """The class of each picture, int64 (N,) on the CPU, from uint8 (N, 3, 32, 32).

    `mean` and `std` are those of the training. The network works where it is, in evaluation mode,
    and is left as it was found. ValueError where there are no pictures, ArithmeticError where an
    answer is no finite number.
    """
    predicted = []
    look = {"unit": " pictures", "delay": 2, "leave": False, "dynamic_ncols": True}
    with tqdm(desc="predicting", total=len(images), **look) as bar:
        for some in images.split(AT_ONCE):
            answers = logits(network, some, mean, std)
            if not answers.isfinite().all():
                raise ArithmeticError(
                    "the network answers with numbers that are not finite: its weights are "
                    "damaged or its training went astray; take another checkpoint"
                )
            predicted.append(answers.argmax(1).cpu())
            bar.update(len(some))
    return torch.cat(predicted)


def read_unseen(source: Path, label_key: str = "labels") -> Batch:
    """Pictures uint8 (N, 3, 32, 32), labels int64 (N,) or None, and ids int64 (N,), of `source`.

    Takes a folder, zip or tar of pictures, in the natural order of their paths (`read_pictures`);
    a .npy or .npz (`read_arrays`); or an official batch, with its labels under `label_key` or
    without any (`read_batch`). Never runs code from a file. Raises FileNotFoundError where nothing
    is there, ValueError where it cannot be read as any of these or an id stands for two pictures.
    """
    if not source.exists():
        raise FileNotFoundError(f"there are no pictures at {source}; name {FORMS}")
    if source.suffix.lower() in (".npy", ".npz"):
        images, labels, ids = read_arrays(source)
    elif source.is_dir() or source.suffix.lower() in ARCHIVES:
        (images, ids), labels = read_pictures(source), None
    else:
        try:
            images, labels, ids = read_batch(source, label_key)
        except ValueError as error:
            raise ValueError(f"{error}; pictures must be {FORMS}") from error
    values, counts = ids.unique(return_counts=True)
    if len(values) < len(ids):
        twice = values[counts > 1][0]
        raise ValueError(f"{source.name}: the id {twice} stands for more than one picture")
    return images, labels, ids


def read_arrays(path: Path) -> Batch:
    """Pictures, labels or None, and ids of a .npy or .npz, as `read_unseen` gives them.

    The pictures are uint8, (N, 3, 32, 32) or (N, 32, 32, 3): in a .npz the array named "images" or
    the only one there is beside "labels" and "ids". Without ids pictures are numbered from 0.
    ValueError where the file is damaged, asks for code to be run, or holds something else.
    """
    try:
        arrays = _load(path)
    except Exception as error:  # a damaged file may raise anything
        reason = str(error)
        if "pickle" in reason:  # NumPy's own words say how to run it
            reason = "it holds Python objects, which may run code when they are read"
        raise ValueError(
            f"{path.name} cannot be read as arrays: {reason}; take another copy, or save the "
            "pictures again by numpy.save as one array of bytes"
        ) from error
    images = _planes(path.name, arrays["images"])
    count = len(images)
    labels, ids = (_whole(path.name, key, arrays.get(key), count) for key in ("labels", "ids"))
    return images, labels, torch.arange(count) if ids is None else ids


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays "images" and, where there are such, "labels" and "ids"."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"images": loaded}
    with loaded:
        names = set(loaded.files)
        candidates = {"images"} & names or names - {"labels", "ids"}
        if len(candidates) != 1:
            raise ValueError(
                f"it holds the arrays {', '.join(sorted(names)) or '(none)'}, and the one with "
                "the pictures must be named images"
            )
        arrays = {key: loaded[key] for key in ("labels", "ids") if key in names}
        arrays["images"] = loaded[candidates.pop()]
    return {key: np.asarray(array) for key, array in arrays.items()}


def _planes(name: str, array: np.ndarray) -> Tensor:
    """The pictures as uint8 (N, 3, 32, 32); ValueError with the remedy where they are none."""
    if array.dtype != np.uint8:
        raise ValueError(f"{name} holds {array.dtype}; pictures must be uint8, {_remedy(array)}")
    if array.shape[1:] == (32, 32, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1:] != (3, 32, 32):
        alone = array.shape in ((3, 32, 32), (32, 32, 3))
        one = "; for one picture, save array[None]" if alone else ""
        raise ValueError(
            f"{name} has shape {array.shape}; pictures must be (N, 3, 32, 32) or "
            f"(N, 32, 32, 3){one}"
        )
    return torch.from_numpy(np.array(array, order="C"))  # a copy that may be written to


def _remedy(array: np.ndarray) -> str:
    """What to save in place of an array that is not uint8."""
    if array.dtype.kind not in "fiu" or not array.size:
        return "0 to 255"
    low, high = array.min(), array.max()
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        return "0 to 255: save numpy.round(255 * array).astype(numpy.uint8)"
    if low >= 0 and high <= 255:
        return "0 to 255: save numpy.round(array).astype(numpy.uint8)"
    return "0 to 255, as they were before they were normalised"


def _whole(name: str, key: str, numbers: np.ndarray | None, count: int) -> Tensor | None:
    """Labels or ids as int64 (count,); None where there are none."""
    if numbers is None:
        return None
    if numbers.shape != (count,) or not np.can_cast(numbers.dtype, np.int64):
        raise ValueError(
            f"{name}: {key!r} must be {count:,} whole numbers (int64), one a picture, not "
            f"{numbers.dtype} of shape {numbers.shape}"
        )
    return torch.from_numpy(numbers.astype(np.int64))


def check_place(path: Path, pictures: Path | None = None) -> None:
    """OSError or ValueError where predictions cannot be written to `path`, or must not.

    They may take the place of earlier predictions or of an empty file, of no other file; and not
    lie in the folder `pictures`, where they would be taken for a picture the next time.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}; make it first")
    if path.exists() and not _replaceable(path):
        raise FileExistsError(f"{path} is there and holds no predictions; name another output")
    if pictures and pictures.is_dir() and path.resolve().is_relative_to(pictures.resolve()):
        raise ValueError(f"{path} would lie among the pictures; name an output outside {pictures}")
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {path.parent}: {error.strerror}") from error


def _replaceable(path: Path) -> bool:
    if not path.is_file():  # a folder, a device or a pipe
        return False
    with open(path, "rb") as file:
        first = file.readline(100)
    return not first or first.rstrip() == ",".join(HEADER).encode()


def write_predictions(
    path: Path, ids: Tensor, labels: Tensor, classes: Sequence[str] | None = None
) -> None:
    """Writes `Id,Label` and a row a picture to `path`, the whole file or nothing.

    Labels are numbers, or with `classes` the names. OSError where it cannot be written; what stood
    there before then still stands.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    names = labels.tolist() if classes is None else [classes[label] for label in labels.tolist()]
    writer.writerows(zip(ids.tolist(), names, strict=True))
    write_whole(path.resolve(), text.getvalue().encode())  # a link stays a link
