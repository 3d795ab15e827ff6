"""What the tests share: threads that do not fight, small pictures, CIFAR-10 where it is at hand,
and the book, built once for all tests that look at its pages."""

import os
from pathlib import Path

import pytest
import torch
from pages import ROOT, build_book

from resnet_edu import data
from resnet_edu.data import shapes

pytest.register_assert_rewrite("checks")

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(workers)))


# The files that take longest, so that at the end of a run no worker waits for the other for long.
LONGEST = ("test_pages.py", "test_planted_faults.py", "test_train.py")


def pytest_collection_modifyitems(items):
    """The longest files first; `--no-loadscope-reorder` has the workers keep to it."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def seeded():
    """Weights and inputs that a test does not seed itself are the same in every run."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or fills the cache of whoever runs the tests, or that of another test."""
    monkeypatch.setenv("RESNET_EDU_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session", autouse=True)
def sessions_cache(tmp_path_factory):
    """The same for what is made once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_EDU_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def few_shapes(monkeypatch):
    """Makes `shapes` a dataset of 200 training and 100 test pictures, and returns it."""
    monkeypatch.setattr(shapes, "TRAIN", 200)
    monkeypatch.setattr(shapes, "TEST", 100)
    return data.load("shapes")


@pytest.fixture(scope="session")
def cifar10():
    """The real CIFAR-10: from RESNET_EDU_DATA, or from `../shared/data` beside the checkout."""
    named = os.environ.get("RESNET_EDU_DATA")
    place = Path(named).expanduser() if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    if not place.exists():
        pytest.skip("CIFAR-10 is not at hand: RESNET_EDU_DATA names no folder or zip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_EDU_DATA", str(place))
        patch.setattr(data.cache, "keep", lambda dataset: False)  # 180 MB that nobody would read
        return data.load("cifar10")


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Path:
    return build_book(ROOT, tmp_path_factory.mktemp("book"))
