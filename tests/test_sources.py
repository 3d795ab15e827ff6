"""CIFAR from folders, zips, tars and the cache, and what is refused."""

import hashlib

import pytest
from checks import sources as checks

import resnet_edu
from resnet_edu import data
from resnet_edu.data import cache, cifar


@pytest.mark.parametrize(
    "check",
    [
        checks.check_class_folders,
        checks.check_ids,
        checks.check_pictures_alone,
        checks.check_bad_class_folders,
        checks.check_bad_archives,
        checks.check_batches,
        checks.check_bad_batches,
        checks.check_pickles_run_nothing,
        checks.check_one_batch,
        checks.check_cache,
        checks.check_a_cache_that_cannot_be_written,
        checks.check_official_pictures,
        checks.check_no_silent_change_of_source,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_sources(check, tmp_path):
    check(resnet_edu, tmp_path)


def test_cifar100(monkeypatch, tmp_path):
    """A hundred classes, fine labels, and no fingerprint to compare with."""
    labels = list(range(100))
    files = {
        "cifar-100-python/meta": {"fine_label_names": list(cifar.CIFAR100.classes)},
        "cifar-100-python/train": {
            "data": checks.pixels_of(0, 100),
            "fine_labels": labels,
            "coarse_labels": [0] * 100,
        },
        "cifar-100-python/test": {"data": checks.pixels_of(100, 100), "fine_labels": labels[::-1]},
    }
    files = {name: checks.python2_pickle(entries) for name, entries in files.items()}
    source = checks.write_tar(tmp_path / "cifar-100-python.tar.gz", files)
    monkeypatch.setenv("RESNET_EDU_DATA", str(source))
    with pytest.raises(ValueError, match=r"train is not as it was published \(MD5\); take another"):
        data.load("cifar100")
    of_files = {
        name.rpartition("/")[2]: hashlib.md5(content).hexdigest() for name, content in files.items()
    }
    tiny = checks.replace(cifar.CIFAR100, md5=of_files)
    monkeypatch.setitem(cifar.KNOWN, "cifar100", tiny)
    with pytest.raises(ValueError, match="CIFAR-100: it holds 100 training pictures, not 50,000"):
        data.load("cifar100")
    monkeypatch.setitem(cifar.KNOWN, "cifar100", checks.replace(tiny, train=100, test=100))
    dataset = data.load("cifar100")
    assert dataset.train.labels.tolist() == labels and dataset.classes[99] == "worm"
    assert dataset.test.labels.tolist() == labels[::-1]
    assert dataset.official is None and dataset.source == "official batches in a tar"
    with pytest.raises(ValueError, match="neither the official batches of CIFAR-10 "):
        data.load("cifar10")


def test_what_is_known_of_cifar():
    for known, classes in ((cifar.CIFAR10, 10), (cifar.CIFAR100, 100)):
        assert len(known.classes) == classes
        assert list(known.classes) == sorted(set(known.classes))
        assert all(url.endswith(f"/{known.archive}") for url in known.mirrors)
        assert all(url.startswith("https://") for url in known.mirrors)


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("RESNET_EDU_CACHE", str(tmp_path / "mine"))
    assert cache.folder() == tmp_path / "mine"
    monkeypatch.delenv("RESNET_EDU_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "resnet_edu"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "resnet_edu"
