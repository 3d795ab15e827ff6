"""The files in a folder, zip or tar, one after the other. Nothing is ever unpacked to the disk."""

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

# What the standard library raises where content is damaged, cut off or encrypted.
DAMAGED = (
    *(OSError, EOFError, RuntimeError, ValueError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)


def read_files(source: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(path within `source`, content) of every file whose path is `wanted`, in the source's order.

    `source` is a folder, a zip, or a tar, compressed or not; each is gone through once. Raises
    FileNotFoundError where nothing is there, ValueError where it is of another kind, or where a
    file in it is damaged, cut off, encrypted or not ours to read.
    """
    if not source.exists():
        raise FileNotFoundError(f"there is no folder, zip or tar at {source}")
    read = READERS[kind_of(source)](source, wanted)
    name = "its list of files"
    try:
        for name, content in read:
            yield name, content()
    except DAMAGED as error:
        is_locked = isinstance(error, PermissionError)
        remedy = "make it readable" if is_locked else "take another copy of it"
        raise ValueError(f"{source.name}: {name} cannot be read: {error}; {remedy}") from error


def kind_of(source: Path) -> str:
    """What a source is, in a word: folder, zip or tar."""
    if source.is_dir():
        return "folder"
    with open(source, "rb") as file:
        return "zip" if file.read(3) in (b"PK\3", b"PK\5") else "tar"


Reading = Iterator[tuple[str, Callable[[], bytes]]]


def _folder(source: Path, wanted: Callable[[str], bool]) -> Reading:
    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(source, onerror=refuse, followlinks=True):
        here = Path(place)
        entered = {path.resolve() for path in (here, *here.parents) if path.is_relative_to(source)}
        # A link back to one of these, or to a folder above, would be followed for ever.
        folders[:] = [
            name
            for name in folders
            if not any(path.is_relative_to((here / name).resolve()) for path in entered)
        ]
        for path in (here / file for file in files):
            name = path.relative_to(source).as_posix()
            if wanted(name) and path.is_file():
                yield name, path.read_bytes


def _zip(source: Path, wanted: Callable[[str], bool]) -> Reading:
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and wanted(entry.filename):
                yield entry.filename, lambda entry=entry: archive.read(entry)


def _tar(source: Path, wanted: Callable[[str], bool]) -> Reading:
    """In the order of the archive: to go back in a compressed tar is to begin again."""
    if not tarfile.is_tarfile(source):
        raise ValueError("it is neither a zip nor a tar")
    with tarfile.open(source) as archive:
        for entry in archive:
            if entry.isfile() and wanted(entry.name):
                yield entry.name, archive.extractfile(entry).read
        # Python takes a header that is damaged or cut off for the end; a whole tar has a block of
        # zeros there.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError("what comes behind it is damaged or cut off")
        # The checksum of a compressed file stands behind its end.
        while archive.fileobj.read(1 << 20):
            pass


READERS = {"folder": _folder, "zip": _zip, "tar": _tar}
