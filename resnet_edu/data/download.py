"""The official archive from its own server or a mirror, every byte checked, resumed where it can.

A mirror needs no trust: what does not have the official SHA-256 is thrown away.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from tqdm import tqdm

from ..files import only_one
from .cifar import Cifar

CHUNK = 1 << 18  # bytes
TIMEOUT = 30.0  # seconds without a byte before a server counts as stalled
# A server that brings fewer bytes a second than SLOW, after PATIENCE seconds, is left for the next:
# at that pace the archive takes ten minutes. Where all are slow, ten hours are too much.
SLOW, HOPELESS, PATIENCE = 300_000, 5_000, 20.0


class Unserved(Exception):
    """One server did not deliver; the text says why."""


class Unfinished(Unserved):
    """It delivered a part, then broke off or was too slow: another may have the rest."""


def fetch(known: Cifar, folder: Path) -> Path:
    """The path of the official archive, complete and checked, in `folder`.

    What an earlier try left there is used: the whole archive, or a part, which is resumed. All
    servers are tried, the official one first; those that broke off or were slow a second time, with
    patience. Raises ConnectionError, which lists what was tried, if none serves; OSError if
    `folder` cannot be written, RuntimeError if another process is downloading there. A part that
    came stays there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / known.archive
    if path.is_file() and _sha256(path) == known.sha256:
        return path
    part = path.with_name(path.name + ".part")
    with only_one(part):
        return _fetch(known, part, path)


def _fetch(known: Cifar, part: Path, path: Path) -> Path:
    """`fetch`, once it is sure that nobody else writes the part."""
    servers, failures = [official_url(known), *known.mirrors], {}
    for slowest in (SLOW, HOPELESS):
        for url in servers:
            try:
                _fetch_from(url, known, part, slowest)
                os.replace(part, path)
                return path
            except Unserved as error:
                failures[url] = error
        servers = [url for url, error in failures.items() if isinstance(error, Unfinished)]
    tried = "".join(f"\n  {url}: {error}" for url, error in failures.items())
    kept = f"{part.stat().st_size:,} of {known.size:,} bytes" if part.is_file() else "nothing"
    raise ConnectionError(
        f"{known.title} could not be downloaded; tried:{tried}\n"
        f"Kept of it: {kept}, in {path.parent}. Try again later, which goes on from there, or get "
        f"{known.archive} in another way and set RESNET_EDU_DATA to it"
    )


def official_url(known: Cifar) -> str:
    """The address of the official archive, as torchvision knows it."""
    from torchvision import datasets  # takes a second, and is needed here alone

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[known.name].url


def _fetch_from(url: str, known: Cifar, part: Path, slowest: float) -> None:
    """Completes `part` from this server and checks it; Unserved where that fails.

    If what was resumed turns out wrong, the server gets the chance to bring all of it.
    """
    resumed = _size(part) > 0
    _append(url, known, part, slowest)
    if _sha256(part) == known.sha256:
        return
    part.unlink()
    if not resumed:
        raise Unserved("it serves other bytes than the official ones (wrong SHA-256)")
    _fetch_from(url, known, part, slowest)


def _append(url: str, known: Cifar, part: Path, slowest: float) -> None:
    """Brings `part` to its full size; Unserved, with what came kept, if the server stops before."""
    if _size(part) > known.size:
        part.unlink()
    if _size(part) == known.size:
        return
    try:
        response = _open(url, _size(part))
    except urllib.error.HTTPError as error:
        raise Unserved(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unserved(f"no connection: {getattr(error, 'reason', error)}") from error
    with response:
        start = _start(response, part, known.size)
        # Not "ab": a server that cannot resume begins again at 0.
        with open(part, "r+b" if part.exists() else "wb") as file:
            _copy(response, file, start, known, slowest)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "resnet-edu"} | ({"Range": f"bytes={start}-"} if start else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _start(response: http.client.HTTPResponse, part: Path, size: int) -> int:
    """Where in the archive the response begins; Unserved if that or its length cannot be right."""
    start = 0
    if response.status == 206:
        start = _size(part)
        promised = response.headers.get("Content-Range", "")
        if not promised.startswith(f"bytes {start}-"):
            raise Unserved(f"asked for the bytes from {start:,} it answers {promised!r}")
    length = response.headers.get("Content-Length")
    if length is not None and length != str(size - start):
        raise Unserved(f"it announces {length} bytes, where {size - start} should come")
    return start


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, start: int, known: Cifar, slowest: float
) -> None:
    """The response into the file, from `start` until the archive has its size."""
    began, here = monotonic(), start
    file.seek(start)
    with _bar(response.url, start, known) as bar:
        while here < known.size:
            try:
                chunk = response.read1(min(CHUNK, known.size - here))
            except (OSError, http.client.HTTPException) as error:
                raise Unfinished(
                    f"stopped after {here:,} of {known.size:,} bytes: {error}"
                ) from error
            if not chunk:
                raise Unfinished(f"stopped after {here:,} of {known.size:,} bytes")
            if here == 0 and not chunk.startswith(b"\x1f\x8b"[: len(chunk)]):
                raise Unserved("it serves something else, not a gzip archive")
            file.write(chunk)
            file.truncate()  # what an earlier try left beyond this belongs to that try
            here += len(chunk)
            bar.update(len(chunk))
            seconds = monotonic() - began
            if seconds >= PATIENCE and here - start < slowest * seconds and here < known.size:
                raise Unfinished(f"too slow: {(here - start) / seconds / 1000:.0f} kB a second")


def _bar(url: str, start: int, known: Cifar) -> tqdm:
    """Bytes that came, on stderr, where it takes more than two seconds."""
    what = f"{known.archive} from {urllib.parse.urlsplit(url).hostname}"
    bytes_ = {"initial": start, "total": known.size, "unit": "B", "unit_scale": True}
    return tqdm(desc=what, delay=2, mininterval=1, dynamic_ncols=True, **bytes_)


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
