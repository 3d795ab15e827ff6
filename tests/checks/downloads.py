"""What must hold of the download, against a server that misbehaves as servers do."""

import hashlib
import os
import random
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import pytest
from torchvision import datasets

from . import part
from .sources import at_hand, tiny, tiny_batches, write_tar

BREAK = 400  # bytes after which a server breaks off


class Server:
    """Serves `content` at every path; the path's first word says how. `asked`: (path, Range)."""

    def __init__(self, content):
        self.content, self.asked, self.sent = content, [], []
        self.let_go = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.serve(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()

    def serve(self, request):
        how = request.path.split("/")[1]
        wanted = request.headers.get("Range")
        self.asked.append((how, wanted))
        if how == "gone":
            return request.send_error(404)
        start, body, end = 0, self.content, len(self.content)
        if wanted and how not in ("plain", "elsewhere", "page"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if how == "other":
            body = body[:10] + random.Random(0).randbytes(len(body) - 10)
        elif how == "page":
            body = b"<html>Please log in</html>"
        request.send_response(206 if start or how == "elsewhere" else 200)
        if start or how == "elsewhere":
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        lie = {"short": -10, "long": 10}.get(how, 0)
        if how != "page":
            request.send_header("Content-Length", len(body) - start + lie)
        request.end_headers()
        if how in ("breaks", "stalls"):
            body = body[: max(start, BREAK)]
        self.sent.append(len(body) - start)
        with suppress(ConnectionError):  # the reader may lose its patience
            for here in range(start, len(body), step := 2_000 if how == "slow" else len(body)):
                request.wfile.write(body[here : here + step])
                request.wfile.flush()
                self.let_go.wait(0.1 if how == "slow" else 0)
        if how == "stalls":
            self.let_go.wait(60)


@contextmanager
def serving(package, folder, *ways, **changes):
    """(server, what is known of its archive, the cache's folder); the first way is the official."""
    archive = write_tar(folder / "served.tar.gz", tiny_batches()).read_bytes()
    server = Server(archive)
    urls = [
        f"{server.address}/{way}/a.tar.gz" if way != "closed" else f"http://127.0.0.1:{unused()}/a"
        for way in ways
    ]
    known = tiny(
        package,
        size=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        mirrors=tuple(urls[1:]),
    )
    module = part(package, "data.download")
    changes = {"CHUNK": 256, "TIMEOUT": 10.0} | changes
    with (
        patch.multiple(module, **changes),
        patch.object(datasets.CIFAR10, "url", urls[0]),
        patch.dict(os.environ, no_proxy="127.0.0.1"),
    ):
        try:
            yield server, known, folder / "cache"
        finally:
            server.close()


def unused():
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetched(package, server, known, cache):
    """Fetches, and wants the whole archive and nothing beside it."""
    try:
        path = part(package, "data.download").fetch(known, cache)
    except ConnectionError as error:
        pytest.fail(str(error))
    assert path == cache / known.archive and path.read_bytes() == server.content
    assert os.listdir(cache) == [known.archive]


def check_download(package, folder):
    """The official server serves: nobody else is asked, and nobody is asked again."""
    with serving(package, folder, "good", "gone") as (server, known, cache):
        fetched(package, server, known, cache)
        fetched(package, server, known, cache)
        assert server.asked == [("good", None)]
        (cache / known.archive).write_bytes(b"damaged since")
        fetched(package, server, known, cache)
        assert server.asked == [("good", None)] * 2


def check_an_interrupted_download_resumes(package, folder):
    """Only the rest is asked for, from the next mirror or the next time."""
    with serving(package, folder, "breaks", "good") as (server, known, cache):
        fetched(package, server, known, cache)
        assert server.asked == [("breaks", None), ("good", f"bytes={BREAK}-")]
        assert server.sent == [BREAK, known.size - BREAK]
    with serving(package, folder / "cache", "breaks") as (server, known, cache):
        with pytest.raises(ConnectionError, match=f"stopped after {BREAK} of {known.size:,} bytes"):
            part(package, "data.download").fetch(known, cache)
        assert os.listdir(cache) == [f"{known.archive}.part"]
        assert (cache / f"{known.archive}.part").read_bytes() == server.content[:BREAK]
    with serving(package, folder / "cache", "good") as (server, known, cache):
        fetched(package, server, known, cache)
        assert server.asked == [("good", f"bytes={BREAK}-")]


def check_a_server_that_cannot_resume(package, folder):
    """It begins again, and nothing of the old part is left; one that resumes elsewhere is left."""
    ways = ("breaks", "elsewhere", "plain")
    with serving(package, folder, *ways) as (server, known, cache):
        fetched(package, server, known, cache)
        rest = f"bytes={BREAK}-"
        assert server.asked == [("breaks", None), *((way, rest) for way in ways[1:])]
    with serving(package, folder, "elsewhere", "gone") as (server, known, cache):
        part_of_it = cache / f"{known.archive}.part"
        (cache / known.archive).unlink()
        part_of_it.write_bytes(server.content[:BREAK])
        with pytest.raises(ConnectionError, match=f"from {BREAK} it answers 'bytes 0-"):
            part(package, "data.download").fetch(known, cache)
        assert part_of_it.read_bytes() == server.content[:BREAK]


def check_a_part_that_is_wrong(package, folder):
    """What does not fit together is thrown away, and the same server brings all of it."""
    for content in (b"\x1f\x8b" + bytes(BREAK), bytes(99_999_999), b""):
        with serving(package, folder, "good") as (server, known, cache):
            cache.mkdir(exist_ok=True)
            (cache / f"{known.archive}.part").write_bytes(content)
            fetched(package, server, known, cache)
            assert server.asked[-1] == ("good", None)
            (cache / known.archive).unlink()


def check_other_bytes(package, folder):
    """Neither other bytes nor a page for guests is ever taken for the archive."""
    for way, words in (
        ("other", r"other bytes than the official ones \(wrong SHA-256\)"),
        ("page", "something else, not a gzip archive"),
        ("short", "it announces .* bytes, where .* should come"),
        ("long", "it announces .* bytes, where .* should come"),
    ):
        with serving(package, folder, way) as (server, known, cache):
            with pytest.raises(ConnectionError, match=words):
                part(package, "data.download").fetch(known, cache)
            assert not (cache / known.archive).exists()
        with serving(package, folder, way, "good") as (server, known, cache):
            fetched(package, server, known, cache)
            assert server.asked == [(way, None), ("good", None)]
            (cache / known.archive).unlink()


def check_a_page_does_not_cost_the_part(package, folder):
    """A part that came is kept where the next server answers with something else."""
    with serving(package, folder, "breaks", "page", "good") as (server, known, cache):
        fetched(package, server, known, cache)
        assert server.asked[-1] == ("good", f"bytes={BREAK}-")


def check_servers_that_stall_or_are_slow(package, folder):
    """The next one goes on where they stopped; if there is none, the slow one gets its time."""
    with serving(package, folder, "stalls", "good", TIMEOUT=0.2) as (server, known, cache):
        fetched(package, server, known, cache)
        assert server.asked == [("stalls", None), ("good", f"bytes={BREAK}-")]
        (cache / known.archive).unlink()
    # Pieces of 2,000 bytes, each of them in time, at some 20,000 bytes a second.
    slow = {"PATIENCE": 0.2, "SLOW": 1e6, "HOPELESS": 0.0}
    for ways in (("slow", "good"), ("slow", "gone")):
        with serving(package, folder, *ways, **slow) as (server, known, cache):
            fetched(package, server, known, cache)
            assert [way for way, _ in server.asked[:2]] == [*ways]
            (_, whole), (second, rest), *again = server.asked
            assert whole is None
            assert 0 < int(rest.removeprefix("bytes=").removesuffix("-")) < known.size
            assert again == ([("slow", rest)] if second == "gone" else [])
            (cache / known.archive).unlink()


def check_one_error_lists_all(package, folder):
    ways = ("gone", "closed", "other", "breaks")
    with serving(package, folder, *ways) as (server, known, cache):
        with pytest.raises(ConnectionError) as error:
            part(package, "data.download").fetch(known, cache)
        said = str(error.value)
        urls = [datasets.CIFAR10.url, *known.mirrors]
        for url, why in zip(
            urls,
            ("HTTP 404 Not Found", "no connection: ", "it serves other bytes", "stopped after"),
            strict=True,
        ):
            assert said.count(f"\n  {url}: {why}") == 1
        assert "CIFAR-10 could not be downloaded" in said
        assert f"Kept of it: {BREAK} of {known.size:,} bytes, in {cache}" in said
        assert f"get {known.archive} in another way and set RESNET_EDU_DATA to it" in said


@contextmanager
def loading(package, folder, *ways):
    """(server, load, the cache's folder), with nothing at hand but the server."""
    with serving(package, folder, *ways) as (server, known, cache):
        fields = {"size": known.size, "sha256": known.sha256, "mirrors": known.mirrors}
        with at_hand(package, None, folder, **fields) as load:
            yield server, load, cache


def check_load_downloads_when_asked(package, folder):
    """Once, then from the cache; never unasked; the archive goes when the cache is written."""
    with loading(package, folder, "gone", "good") as (server, load, cache):
        with pytest.raises(FileNotFoundError, match="CIFAR-10 is not at hand"):
            load("cifar10")
        assert not server.asked and not cache.exists()
        first = load("cifar10", download=True)
        assert first.source == "official archive, downloaded"
        assert first.train.labels.tolist() == [1, 1, 0, 0, 0, 1]
        assert os.listdir(cache) == ["cifar10.safetensors"]
        for again in (load("cifar10"), load("cifar10", download=True)):
            assert again.source == "official archive, downloaded, by way of the cache"
            assert again.fingerprint == first.fingerprint
        assert len(server.asked) == 2


def of_ours(notes):
    """How many of the warnings are the library's; Python's own tell of other tests' sockets."""
    return sum(note.category is UserWarning for note in notes)


def check_load_without_a_cache(package, folder):
    """Where it cannot be written, that is said before anything is downloaded; what came is kept."""
    with loading(package, folder, "good") as (server, load, cache):
        cache.write_text("a file where the folder should be")
        with pytest.raises(OSError, match="cannot be downloaded into .*: File exists; .*_CACHE"):
            load("cifar10", download=True)
        assert not server.asked
        cache.unlink()
        full = patch.object(os, "fsync", side_effect=OSError(28, "No space left on device"))
        with full, pytest.warns(UserWarning, match="could not be written.*No space left") as notes:
            load("cifar10", download=True)
        assert of_ours(notes) == 1 and os.listdir(cache) == ["cifar-10-python.tar.gz"]
        load("cifar10", download=True)  # and the archive is there still
        assert os.listdir(cache) == ["cifar10.safetensors"] and len(server.asked) == 1


def check_one_process_downloads(package, folder):
    """A second one is turned away, and the part that the first is writing is as it was."""
    with serving(package, folder, "good") as (server, known, cache):
        cache.mkdir()
        part_of_it = cache / f"{known.archive}.part"
        part_of_it.write_bytes(server.content[:BREAK])
        with (
            part(package, "files").only_one(part_of_it),
            pytest.raises(RuntimeError, match="another process is at work on .*.part"),
        ):
            part(package, "data.download").fetch(known, cache)
        assert part_of_it.read_bytes() == server.content[:BREAK] and not server.asked
        fetched(package, server, known, cache)
