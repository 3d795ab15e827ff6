"""The official batches: pickled dictionaries of arrays, read without running what is in them.

"data -- a 10000x3072 numpy array of uint8s. […] The first 1024 entries contain the red channel
values, the next 1024 the green, and the final 1024 the blue. The image is stored in row-major
order" (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .cifar import Cifar

Batch = tuple[Tensor, Tensor | None, Tensor]


def read_batch(path: Path, label_key: str = "labels") -> Batch:
    """Pictures uint8 (N, 3, 32, 32), labels int64 (N,) or None, and ids int64 (N,) of a batch file.

    Ids are the file's own ("ids", as contests have them), else the positions 0 … N − 1. CIFAR-100
    keeps its labels under "fine_labels". Raises FileNotFoundError where there is no file,
    ValueError where it is no batch or its pickle asks for more than arrays.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no batch file at {path}")
    return parse_batch(path.name, path.read_bytes(), label_key)


def read_batches(
    files: dict[str, bytes], known: Cifar
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(pictures, labels) for training and for test, in the official order, from {name: content}.

    Raises ValueError where a file is missing, or is not what was published.
    """
    missing = [name for name in known.files if name not in files]
    if missing:
        raise ValueError(
            f"the batches of {known.title} are not whole; missing: {', '.join(missing)}"
        )
    for name, digest in known.md5.items():
        if hashlib.md5(files[name], usedforsecurity=False).hexdigest() != digest:
            raise ValueError(f"{name} is not as it was published (MD5); take another copy")
    names = _entries(known.meta_file, files[known.meta_file]).get(known.meta_key)
    names = tuple(map(_text, names)) if isinstance(names, list) else names
    if names != known.classes:
        raise ValueError(f"{known.meta_file} does not name the classes of {known.title}: {names}")
    parts = []
    for part in (known.train_files, known.test_files):
        images, labels = [], []
        for name in part:
            some, their_labels, _ = parse_batch(name, files[name], known.label_key)
            if their_labels is None:
                raise ValueError(f"{name} has no {known.label_key!r}: not a batch of {known.title}")
            if len(some) and not 0 <= their_labels.min() <= their_labels.max() < len(names):
                raise ValueError(
                    f"{name}: labels run from {their_labels.min()} to {their_labels.max()}, "
                    f"where {known.title} has 0 to {len(names) - 1}"
                )
            images.append(some)
            labels.append(their_labels)
        parts.append((torch.cat(images), torch.cat(labels)))
    return tuple(parts)


def parse_batch(name: str, content: bytes, label_key: str = "labels") -> Batch:
    """What `read_batch` gives, from the bytes of a file called `name`."""
    entries = _entries(name, content)
    pixels = entries.get("data")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        found = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ValueError(f"{name}: 'data' must be an array of bytes (uint8), not {found}")
    if pixels.shape[1:] == (32, 32, 3):  # as contests have them
        pixels = pixels.transpose(0, 3, 1, 2)
    elif pixels.shape[1:] != (3072,):
        raise ValueError(f"{name}: 'data' must have shape (N, 3072), not {pixels.shape}")
    images = np.array(pixels.reshape(-1, 3, 32, 32), order="C")  # a copy that may be written to
    labels = _numbers(name, entries, label_key, len(images))
    ids = _numbers(name, entries, "ids", len(images))
    return torch.from_numpy(images), labels, torch.arange(len(images)) if ids is None else ids


def _numbers(name: str, entries: dict[str, Any], key: str, count: int) -> Tensor | None:
    """The whole numbers under `key`, int64 (count,); None where there are none."""
    if key not in entries:
        return None
    try:
        numbers = np.asarray(entries[key])
    except ValueError:  # lists of lists of several lengths
        numbers = np.empty(0)
    if numbers.shape != (count,) or (numbers.dtype.kind not in "iu" and count):
        raise ValueError(
            f"{name}: {key!r} must be {count:,} whole numbers, one a picture, "
            f"not {numbers.dtype} of shape {numbers.shape}"
        )
    return torch.from_numpy(numbers.astype(np.int64))


def _entries(name: str, content: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, its keys as text."""
    try:
        # As bytes, because Python 2 wrote the official files.
        entries = ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{name} cannot be read as an official batch: {error}") from error
    if not isinstance(entries, dict):
        raise ValueError(f"{name} holds a {type(entries).__name__}, where batches are dictionaries")
    return {_text(key): value for key, value in entries.items()}


def _text(key: object) -> object:
    return key.decode("latin1") if isinstance(key, bytes) else key


def _dtype(code: str | bytes, *_: object) -> np.dtype:
    """The type of an array's numbers; a new one, since the pickle goes on to set its byte order."""
    code = _text(code)
    if code not in ("u1", "i4", "i8", "f4", "f8", "b1"):
        raise pickle.UnpicklingError(f"it has an array of {code!r}, where bytes were expected")
    return np.dtype(code, copy=True)


def _array(*_: object) -> np.ndarray:
    """An empty array; the pickle goes on to set its shape and content, which NumPy checks."""
    return np.empty(0, np.uint8)


def _frombuffer(
    buffer: bytes,
    dtype: np.dtype,
    shape: tuple[int, ...],
    order: str,
    axes: tuple[int, ...] | None = None,
) -> np.ndarray:
    """An array as NumPy writes it from protocol 5 on; `axes` are those of a transposed one."""
    numbers = np.frombuffer(buffer, dtype)
    if axes is not None:
        return numbers.reshape(shape).transpose(axes)
    return numbers.reshape(shape, order=order)


def _latin1(text: str, _: str) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    return text.encode("latin1")


class ArraysOnly(pickle.Unpickler):
    """Reads arrays, numbers, texts, lists and dictionaries; UnpicklingError for anything else.

    A pickle may name any function and call it. Here each name that an array needs stands for a
    function of this module, under the names of NumPy 1 and 2, and no other name for anything.
    """

    NAMES = {
        ("numpy", "ndarray"): None,  # handed to _reconstruct, never called
        ("numpy", "dtype"): _dtype,
        ("numpy.core.multiarray", "_reconstruct"): _array,
        ("numpy._core.multiarray", "_reconstruct"): _array,
        ("numpy.core.numeric", "_frombuffer"): _frombuffer,
        ("numpy._core.numeric", "_frombuffer"): _frombuffer,
        ("_codecs", "encode"): _latin1,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The function that stands for a name; UnpicklingError for a name we do not know."""
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no array needs; do not trust it"
            )
        return self.NAMES[module, name]
