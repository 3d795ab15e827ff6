"""Faults planted in copies of the library, each of which a check of the other tests must find."""

import importlib
import shutil
import sys
from itertools import count

import pytest
import torch
from conftest import ROOT
from faults import flow, ledger, networks, pictures, predicting, sources, tracing, training

numbers = count()
SUBJECTS = (networks, pictures, sources, training, tracing, predicting, ledger, flow)
FAULTS = [fault for subject in SUBJECTS for fault in subject.FAULTS]


def copy_of_the_library(folder):
    """A copy under another name: (its name, its folder)."""
    name = f"copied_{next(numbers)}"
    ignored = shutil.ignore_patterns("__pycache__")
    return name, shutil.copytree(ROOT / "resnet_edu", folder / name, ignore=ignored)


def run(check, name, folder, monkeypatch):
    """The check on the package `name` in `folder`, which is forgotten afterwards."""
    monkeypatch.syspath_prepend(folder)
    arguments = [importlib.import_module(name)]
    if "folder" in check.__code__.co_varnames[: check.__code__.co_argcount]:
        (folder / "files").mkdir()
        arguments.append(folder / "files")
    torch.manual_seed(0)
    try:
        check(*arguments)
    finally:
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            del sys.modules[module]


def plant(fault, package):
    """Changes the one place in the copy that the fault names."""
    path = package / (fault.module.replace(".", "/") + ".py")
    path = path if path.exists() else package / fault.module / "__init__.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"{fault.old!r} stands {text.count(fault.old)} times"
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_found(fault, tmp_path, monkeypatch):
    name, package = copy_of_the_library(tmp_path)
    plant(fault, package)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(fault.check, name, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "check",
    sorted({fault.check for fault in FAULTS}, key=lambda check: check.__name__),
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_a_faultless_copy_passes(check, tmp_path, monkeypatch):
    """So it is the fault that a check finds, not the copying."""
    name, _ = copy_of_the_library(tmp_path)
    run(check, name, tmp_path, monkeypatch)


def test_every_fault_is_another():
    planted = [(fault.module, fault.old, fault.new, fault.check) for fault in FAULTS]
    assert len(set(planted)) == len(FAULTS)
