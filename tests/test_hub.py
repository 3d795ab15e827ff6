"""`torch.hub`: every network, with weights out of the records of whatever copy is loaded."""

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
from checks import training as checks
from conftest import ROOT

import resnet_edu
from resnet_edu import records, resnet
from resnet_edu.checkpoint import load_checkpoint, save_checkpoint

# Run where the library is not, so that what is found is the copy's own.
PROGRAM = """
import json, sys, torch
there, name = sys.argv[1:]
load = lambda *words, **options: torch.hub.load(there, *words, source="local", **options)
network, fresh, wide = load(name, pretrained=True), load(name), load("plain20", num_classes=7)
import resnet_edu
print(json.dumps({
    "library": resnet_edu.__file__,
    "class": type(network).__name__,
    "sum": sum(p.double().sum().item() for p in network.parameters()),
    "training": [network.training, fresh.training],
    "about": network.about.recipe,
    "fresh": hasattr(fresh, "about"),
    "outputs": wide.head[-1].out_features,
}))
"""


def imported():
    """`hubconf.py` as a module, without `torch.hub`."""
    spec = importlib.util.spec_from_file_location("hubconf_of_the_tests", ROOT / "hubconf.py")
    hub = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hub)
    return hub


@pytest.fixture
def hubconf(tmp_path, monkeypatch):
    """The module, with records of its own: five runs, one of them without weights."""
    hub = imported()
    monkeypatch.setattr(hub, "_RECORDS", tmp_path)
    for dataset, recipe, seed, seen in (
        ("cifar10", "brief", 0, 450_048),
        ("cifar10", "long", 1, 900_000),
        ("cifar10", "long", 10, 900_000),
        ("shapes", "sprint", 0, 20_000_000),
    ):
        write_run(tmp_path, "resnet20", dataset, recipe, seed, seen)
    write_run(tmp_path, "resnet32", "cifar10", "paper", 0, 8_192_000).checkpoint.unlink()
    return hub


def write_run(root, network, dataset, recipe, seed, seen, classes="abcdefghij"):
    """A finished run as far as its record and its weights go."""
    name = records.run_name(network, dataset, recipe, seed)
    folder = records.folder_of(root, name)
    folder.mkdir(parents=True)
    about = replace(
        checks.about(resnet_edu, network=network, dataset=dataset, recipe=recipe, seed=seed),
        classes=tuple(classes),
    )
    record = {"format": records.RUN_FORMAT, **asdict(about), "recipe": {"name": recipe}}
    (folder / "record.json").write_text(json.dumps(record | {"pictures_seen": seen}))
    (folder / "metrics.csv").write_text("")
    torch.manual_seed(seed)
    made = resnet.by_name(network, len(about.classes))
    save_checkpoint(folder / "last.safetensors", made, about)
    return records.read_run(folder)


def same_weights(network, run):
    other = load_checkpoint(run.checkpoint)[0].state_dict()
    return all(torch.equal(value, other[name]) for name, value in network.state_dict().items())


def test_loaded_by_torch_hub(tmp_path):
    """From a copy of the repository, in a process that knows no other."""
    copy = tmp_path / "repository"
    shutil.copytree(
        ROOT / "resnet_edu", copy / "resnet_edu", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "hubconf.py", copy)
    run = write_run(copy / "records", "resnet20", "cifar10", "paper", 3, 8_192_000)
    words = [sys.executable, "-c", PROGRAM, str(copy), "resnet20"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["library"] == str(copy / "resnet_edu" / "__init__.py")
    parameters = load_checkpoint(run.checkpoint)[0].parameters()
    assert told["sum"] == pytest.approx(sum(p.double().sum().item() for p in parameters))
    assert told["training"] == [False, True] and told["about"] == "paper"
    assert not told["fresh"] and told["class"] == "ResNet" and told["outputs"] == 7


def test_every_network_is_an_entry(hubconf):
    entries = {name for name, value in vars(hubconf).items() if callable(value) and name[0] != "_"}
    assert entries == set(resnet.NAMES)
    for name in ("resnet20", "plain20", "resnet18"):
        torch.manual_seed(0)
        ours = getattr(hubconf, name)()
        torch.manual_seed(0)
        theirs = resnet.by_name(name)
        assert ours.training and ours.state_dict().keys() == theirs.state_dict().keys()
        assert torch.equal(ours.stem[0].weight, theirs.stem[0].weight)
        assert getattr(hubconf, name).__doc__.startswith(getattr(resnet, name).__doc__)


def test_pretrained_takes_cifar10(hubconf, tmp_path):
    """Most pictures seen, then the smallest seed; the paper's recipe before all; never shapes."""
    runs = {run.name: run for run in records.read_runs(tmp_path)}
    network = hubconf.resnet20(pretrained=True)
    assert not network.training and network.about.recipe == "long" and network.about.seed == 1
    assert same_weights(network, runs["resnet20-cifar10-long-s1"])
    assert network.about.classes == tuple("abcdefghij") and network.about.mean == (0.5, 0.4, 0.3)
    paper = write_run(tmp_path, "resnet20", "cifar10", "paper", 2, 8_192)
    assert same_weights(hubconf.resnet20(pretrained=True), paper)


def test_a_run_by_its_name(hubconf, tmp_path):
    runs = {run.name: run for run in records.read_runs(tmp_path)}
    name = "resnet20-shapes-sprint-s0"
    assert same_weights(hubconf.resnet20(pretrained=name), runs[name])
    hundred = write_run(tmp_path, "resnet20", "cifar100", "paper", 0, 9, map(str, range(100)))
    assert hubconf.resnet20(pretrained=hundred.name).head[-1].out_features == 100
    projected = write_run(tmp_path, "resnet20-B", "cifar10", "paper", 0, 9)
    assert same_weights(hubconf.resnet20(pretrained=True, shortcut="B"), projected)
    assert hubconf.resnet20(pretrained=True).about.recipe == "long"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnet56", {"pretrained": True}, "no weights of resnet56 from a run on cifar10"),
        ("resnet32", {"pretrained": True}, "no weights of resnet32 from a run on cifar10"),
        ("plain20", {"pretrained": True}, "no weights of plain20 from a run on cifar10"),
        ("resnet20", {"pretrained": True, "shortcut": "C"}, "no weights of resnet20-C from"),
        ("resnet20", {"pretrained": "mine"}, "no weights of resnet20 from a run named 'mine'"),
        ("resnet32", {"pretrained": "resnet20-cifar10-brief-s0"}, "no weights of resnet32 from"),
    ],
)
def test_weights_that_are_not_there(hubconf, name, options, words):
    """The error lists the runs that have weights."""
    listed = "Runs with weights: resnet20-cifar10-brief-s0, .*, resnet20-shapes-sprint-s0; name"
    with pytest.raises(ValueError, match=f"there are {words}.*{listed}"):
        getattr(hubconf, name)(**options)


def test_options_that_do_not_fit(hubconf, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="resnet20-cifar10-long-s1 has 10 classes, not 100"):
        hubconf.resnet20(pretrained=True, num_classes=100)
    with pytest.raises(TypeError, match="colour"):
        hubconf.resnet20(pretrained=True, colour="red")
    monkeypatch.setattr(hubconf, "_RECORDS", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="Runs with weights: none"):
        hubconf.resnet20(pretrained=True)


def test_the_finished_runs():
    """Every run of the book that kept its weights can be loaded by its name."""
    hub = imported()
    for run in records.read_runs(ROOT / "records"):
        if run.checkpoint.is_file():
            base, _, shortcut = run.record["network"].partition("-")
            options = {"shortcut": shortcut} if shortcut else {}
            network = getattr(hub, base)(pretrained=run.name, **options)
            assert same_weights(network, run) and network.about.dataset == run.record["dataset"]
