"""Pictures from a folder, zip or tar: the official batches, class folders, or pictures alone.

Class folders, `train/<class>/<picture>` and `test/<class>/<picture>`, are the form of many mirrors.
Pictures may be in any format Pillow reads.
"""

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from .archives import DAMAGED, kind_of, read_files
from .batches import read_batches
from .cifar import Cifar

Named = tuple[str, np.ndarray]  # a path and its picture, uint8 (3, 32, 32)


@dataclass(frozen=True)
class Found:
    """What a source held: (pictures, labels) twice, ids of the test pictures, kind of source."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    test_ids: Tensor
    kind: str


def read_source(source: Path, known: Cifar) -> Found:
    """Training and test pictures uint8 (N, 3, 32, 32), labels int64 (N,), ids of test pictures.

    Takes the official batches, at any depth; else class folders; else, in a folder, the official
    archive. Batches keep the official order; class folders stand in the natural order of their
    paths (…/9.png before …/10.png), and a label is the position of the folder's name among the
    classes. Raises FileNotFoundError if `source` is not there, ValueError for a missing batch, a
    missing or unknown class, an unreadable picture, or one that is not 32 × 32 RGB.
    """
    source = Path(source).absolute()  # "." has no name
    batches, pictures = _read_once(source, known)
    if batches:
        train, test = read_batches(batches, known)
        kind = f"official batches in a {kind_of(source)}"
        return Found(train, test, torch.arange(len(test[1])), kind)
    if not pictures and source.is_dir() and (archive := source / known.archive).is_file():
        return read_source(archive, known)
    if not pictures:
        raise ValueError(
            f"{source.name} holds neither the official batches of {known.title} "
            f"({known.train_files[0]} …) nor pictures as train/<class>/<picture>"
        )
    train, _ = _class_folders(pictures, "train", known.classes, source.name)
    test, names = _class_folders(pictures, "test", known.classes, source.name)
    return Found(train, test, ids_of(names), f"class folders in a {kind_of(source)}")


def read_pictures(source: Path) -> tuple[Tensor, Tensor]:
    """All pictures of a folder, zip or tar, uint8 (N, 3, 32, 32), and their ids, int64 (N,).

    In the natural order of their paths, however deep they lie; ids as in `ids_of`, with a warning
    where some files have a number for a name and others keep it from being the id. Raises
    FileNotFoundError if `source` is not there, ValueError if it holds no picture, or one that
    cannot be read or is not 32 × 32 RGB.
    """
    source = Path(source).absolute()  # "." has no name
    files = read_files(source, lambda name: not _hidden(name))
    pictures = sorted(
        ((name, _picture(name, content)) for name, content in _shown(files)),
        key=lambda picture: natural(picture[0]),
    )
    if not pictures:
        raise ValueError(f"{source.name} holds no picture")
    images = torch.from_numpy(np.stack([image for _, image in pictures]))
    names = [name for name, _ in pictures]
    without = _unnumbered(names)
    if 0 < len(without) < len(names):
        warnings.warn(
            f"Id is the place in the natural order of the paths, from 0, and not the number in a "
            f"name: {without[0]} has none of its own (such files: {len(without):,} of "
            f"{len(names):,})",
            stacklevel=2,
        )
    return images, ids_of(names)


def ids_of(names: Sequence[str]) -> Tensor:
    """The files' stems, int64 (N,), where all are whole numbers and no two equal; else 0 … N − 1.

    "000012.png" has the id 12.
    """
    if _unnumbered(names):
        return torch.arange(len(names))
    return torch.tensor([int(PurePosixPath(name).stem) for name in names], dtype=torch.int64)


def _unnumbered(names: Sequence[str]) -> list[str]:
    """Those whose stem is no whole number, or is one that another before them has."""
    found, taken = [], set()
    for name in names:
        stem = PurePosixPath(name).stem
        number = int(stem) if re.fullmatch("[0-9]{1,18}", stem) else None
        if number is None or number in taken:
            found.append(name)
        taken.add(number)
    return found


def natural(name: str) -> tuple[list[str | int], str]:
    """A sort key under which 9 comes before 10; 09 and 9 are told apart by their text."""
    return [int(piece) if piece.isdecimal() else piece for piece in re.split(r"(\d+)", name)], name


def _read_once(source: Path, known: Cifar) -> tuple[dict[str, bytes], list[Named]]:
    """The official batches, {name: content}, and the pictures of class folders, as they come."""
    batches, pictures = {}, []
    files = read_files(source, lambda name: _name(name) in known.files or _in_class_folder(name))
    for name, content in (bar := _shown(files, known.train + known.test)):
        if (file := _name(name)) not in known.files:
            pictures.append((name, _picture(name, content)))
        elif file in batches:
            raise ValueError(f"{source.name} holds {file} more than once; name one folder of them")
        else:
            batches[file] = content
            bar.total = len(known.files)
    return batches, pictures


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _hidden(path: str) -> bool:
    """Whether a file is hidden or lies in a hidden folder: what a notebook or a desktop leaves."""
    return any(part.startswith(".") and part != ".." for part in PurePosixPath(path).parts)


def _in_class_folder(name: str) -> bool:
    """Whether a file lies at …/train/<class>/<file> or …/test/<class>/<file>."""
    parts = PurePosixPath(name).parts
    return len(parts) >= 3 and parts[-3] in ("train", "test") and not _hidden(name)


def _class_folders(
    pictures: list[Named], part: str, classes: Sequence[str], source: str
) -> tuple[tuple[Tensor, Tensor], list[str]]:
    """(pictures, labels) of one part, in natural order, and their paths."""
    chosen = [p for p in pictures if PurePosixPath(p[0]).parts[-3] == part]
    chosen.sort(key=lambda picture: natural(picture[0]))
    names = [name for name, _ in chosen]
    folders = [PurePosixPath(name).parts[-2] for name in names]
    if set(folders) != set(classes):
        missing = _list([name for name in classes if name not in folders])
        unknown = _list(sorted(set(folders) - set(classes)))
        raise ValueError(
            f"{source}: {part}/ needs one folder a class; missing: {missing}; unknown: {unknown}"
        )
    images = torch.from_numpy(np.stack([image for _, image in chosen]))
    return (images, torch.tensor([classes.index(folder) for folder in folders])), names


def _list(names: list[str]) -> str:
    """The first ten names, and how many there are if there are more."""
    more = f" … ({len(names)} in all)" if len(names) > 10 else ""
    return (", ".join(names[:10]) or "none") + more


def _shown(files: Iterable[tuple[str, bytes]], total: int | None = None) -> tqdm:
    """The same files, with a bar on stderr where they take more than two seconds."""
    look = {"delay": 2, "mininterval": 1, "leave": False, "dynamic_ncols": True}
    return tqdm(files, "reading pictures", total, unit=" files", **look)


def _picture(name: str, content: bytes) -> np.ndarray:
    """One picture as uint8 (3, 32, 32)."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            size, mode = picture.size, picture.mode
            pixels = np.asarray(picture)
    except UnidentifiedImageError as error:  # its text names an object in memory
        raise ValueError(
            f"{name} cannot be read as a picture: Pillow does not know its format; remove it or "
            "take another copy"
        ) from error
    except (*DAMAGED, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{name} cannot be read as a picture: {error}; remove it or take another copy"
        ) from error
    if size != (32, 32) or mode != "RGB":
        raise ValueError(
            f"{name} is {size[0]}×{size[1]} {mode}; pictures must be 32×32 RGB: convert it first"
        )
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
