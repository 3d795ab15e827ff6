"""Files that are there whole or not at all, and are written by one process at a time."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """`content` at `path`, through a file beside it: a crash leaves the old file or the new one.

    OSError, with the path, where it cannot be written.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, 0o644)  # a temporary file is its owner's alone
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise OSError(
            f"cannot write {path}: {error.strerror or error}; it is as it was before"
        ) from error


def remove_halves(path: Path) -> None:
    """Removes what writes of `path`, a file or a folder, left beside it when they were killed."""
    for half in path.parent.glob(f".{path.name}-*"):
        if half.is_dir():
            shutil.rmtree(half)
        else:
            half.unlink()


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Inside, no other process that asks for the same `path` gets in: RuntimeError for it.

    A process that is killed lets go as well.
    """
    lock = path.with_name(f"{path.name}.lock")
    with open(lock, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not lock.exists() or not os.path.samestat(lock.stat(), os.fstat(file.fileno())):
                raise BlockingIOError  # whoever had it took the file away in this moment
        except BlockingIOError:
            raise RuntimeError(
                f"another process is at work on {path}; wait for it or stop it"
            ) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
