"""The download, against a real server on this machine."""

import hashlib
import io

import pytest
from checks import downloads as checks
from torchvision import datasets

import resnet_edu
from resnet_edu.data import cifar, download


@pytest.mark.parametrize(
    "check",
    [
        checks.check_download,
        checks.check_an_interrupted_download_resumes,
        checks.check_a_server_that_cannot_resume,
        checks.check_a_part_that_is_wrong,
        checks.check_other_bytes,
        checks.check_a_page_does_not_cost_the_part,
        checks.check_servers_that_stall_or_are_slow,
        checks.check_one_error_lists_all,
        checks.check_load_downloads_when_asked,
        checks.check_load_without_a_cache,
        checks.check_one_process_downloads,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_download(check, tmp_path):
    check(resnet_edu, tmp_path)


def test_the_archives_are_torchvisions():
    """Our names and torchvision's agree on the archive and on the files in it."""
    for known, theirs in ((cifar.CIFAR10, datasets.CIFAR10), (cifar.CIFAR100, datasets.CIFAR100)):
        assert download.official_url(known) == theirs.url
        assert theirs.url.endswith(f"/{known.archive}") and theirs.filename == known.archive
        assert known.train_files == tuple(name for name, _ in theirs.train_list)
        assert known.test_files == tuple(name for name, _ in theirs.test_list)
        of_files = dict(theirs.train_list + theirs.test_list)
        of_files[theirs.meta["filename"]] = theirs.meta["md5"]
        assert known.md5 == ({} if known.fingerprint else of_files)
        assert (known.meta_file, known.meta_key) == (theirs.meta["filename"], theirs.meta["key"])
        for digest in (known.sha256, hashlib.sha256(b"").hexdigest()):
            assert len(digest) == 64 and int(digest, 16)


def test_a_full_disk_is_no_servers_fault(tmp_path, monkeypatch):
    """Where the part cannot be written, that is the error; no other server is asked."""
    with checks.serving(resnet_edu, tmp_path, "good", "good") as (server, known, cache):

        class Full(io.BytesIO):
            def write(self, _):
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(download, "open", lambda *_: Full(), raising=False)
        with pytest.raises(OSError, match="No space left"):
            download.fetch(known, cache)
        assert server.asked == [("good", None)]
