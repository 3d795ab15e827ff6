"""Pictures from class folders: `train/<class>/<picture>` and `test/<class>/<picture>`.

The form of many mirrors of CIFAR-10; in a folder or in a zip, in any format Pillow reads.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Read = Callable[[str], bytes]

# What Pillow and zipfile raise where content is damaged or encrypted.
UNREADABLE = (
    *(OSError, EOFError, RuntimeError, Image.DecompressionBombError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_class_folders(
    source: Path, classes: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor, list[str]]]:
    """The pictures under `train` and `test`: uint8 (N, 3, 32, 32), int64 labels (N,), file names.

    A label is the position of the folder's name in `classes`. Pictures stand in the natural order
    of their paths (…/9.png before …/10.png). Raises FileNotFoundError if `source` is not there,
    ValueError for a missing or unknown class, an unreadable picture, or one not 32 × 32 RGB.
    """
    names, read = _open(source)
    found = {"train": [], "test": []}
    for name in sorted(names, key=_natural):
        part, folder, _ = PurePosixPath(name).parts[-3:]
        found[part].append((name, folder))
    parts = {}
    for part, pictures in found.items():
        folders = {folder for _, folder in pictures}
        if folders != set(classes):
            missing = ", ".join(sorted(set(classes) - folders)) or "none"
            unknown = ", ".join(sorted(folders - set(classes))) or "none"
            raise ValueError(
                f"{source.name}: {part}/ needs one folder a class; "
                f"missing: {missing}; unknown: {unknown}"
            )
        labels = torch.tensor([classes.index(folder) for _, folder in pictures])
        images = np.empty((len(pictures), 3, 32, 32), dtype=np.uint8)
        for i, (name, _) in enumerate(pictures):
            images[i] = _picture(name, read)
        parts[part] = torch.from_numpy(images), labels, [name for name, _ in pictures]
    return parts


def _open(source: Path) -> tuple[list[str], Read]:
    """The paths of the pictures in a folder or zip, and how to read the bytes behind one."""
    if source.is_dir():
        files = (path for path in source.rglob("*") if path.is_file())
        names = [path.relative_to(source).as_posix() for path in files]
        return _pictures(names), lambda name: (source / name).read_bytes()
    if not source.exists():
        raise FileNotFoundError(f"there is no folder or zip at {source}")
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{source.name} is not a whole zip file: {error}") from error
    return _pictures(archive.namelist()), archive.read


def _pictures(names: list[str]) -> list[str]:
    """Those of `names` that lie at …/train/<class>/<file> or …/test/<class>/<file>."""
    return [
        name
        for name in names
        if not name.endswith("/")
        and len(parts := PurePosixPath(name).parts) >= 3
        and parts[-3] in ("train", "test")
        and not parts[-1].startswith(".")
    ]


def _natural(name: str) -> list[str | int]:
    """A sort key under which 9 comes before 10."""
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", name)]


def _picture(name: str, read: Read) -> np.ndarray:
    """One picture as uint8 (3, 32, 32)."""
    try:
        with Image.open(io.BytesIO(read(name))) as picture:
            if picture.size != (32, 32) or picture.mode != "RGB":
                width, height = picture.size
                raise ValueError(
                    f"{name} is {width}×{height} {picture.mode}; pictures must be 32×32 RGB"
                )
            return np.asarray(picture).transpose(2, 0, 1)
    except UNREADABLE as error:
        raise ValueError(f"{name} cannot be read as a picture: {error}") from error
