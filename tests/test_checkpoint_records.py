"""Checkpoints, records, and the finished runs that stand under `records/runs`."""

import json
import re

import pytest
import torch
from checks import training as checks
from conftest import ROOT
from safetensors.torch import load_file, save_file

import resnet_edu
from resnet_edu import data, records
from resnet_edu.checkpoint import KEY, load_checkpoint, save_checkpoint
from resnet_edu.evaluate import evaluate

RUNS = sorted(path.name for path in ROOT.glob("records/runs/*-s*"))


@pytest.mark.parametrize(
    "check",
    [
        checks.check_checkpoint_round_trip,
        checks.check_a_flipped_bit,
        checks.check_a_failed_write_keeps_the_old_file,
        checks.check_records_round_trip,
        checks.check_best_on_validation,
        checks.check_records_are_not_overwritten,
        checks.check_large_checkpoints_stay_out_of_the_record,
        checks.check_half_a_record_is_none,
        checks.check_a_failed_record_leaves_nothing,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_files(check, tmp_path):
    check(resnet_edu, tmp_path)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "it.safetensors"
    save_checkpoint(path, resnet_edu.resnet20(), checks.about(resnet_edu))
    return path


def test_there_is_no_checkpoint(tmp_path):
    for path in (tmp_path, tmp_path / "it.safetensors"):
        with pytest.raises(FileNotFoundError, match="there is no checkpoint at"):
            load_checkpoint(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:7],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: bytes(100) + content[100:],
        lambda content: b"PK\x03\x04 a file of another kind",
    ],
    ids=["empty", "7 bytes", "half", "one byte short", "header", "another kind"],
)
def test_damaged_checkpoint(checkpoint, damage):
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(ValueError, match="it.safetensors is no whole safetensors file"):
        load_checkpoint(checkpoint)


def rewrite(path, weights=None, metadata=None):
    """The checkpoint with other weights or another entry in its metadata."""
    about = json.dumps(vars(checks.about(resnet_edu)) | (metadata or {}))
    save_file(weights or load_file(path), path, metadata={KEY: about})


def test_somebody_elses_safetensors(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
        with pytest.raises(ValueError, match="was not written by resnet_edu"):
            load_checkpoint(path)


@pytest.mark.parametrize("text", ["{}", "[1]", "no JSON", '{"network": "resnet20", "colour": 1}'])
def test_metadata_that_are_not_ours(checkpoint, text):
    save_file(load_file(checkpoint), checkpoint, metadata={KEY: text})
    with pytest.raises(ValueError, match="it.safetensors"):
        load_checkpoint(checkpoint)


def test_weights_of_another_network(checkpoint):
    rewrite(checkpoint, metadata={"network": "resnet32"})
    with pytest.raises(ValueError, match="(?s)weights in .* are not those of resnet32: .*Missing"):
        load_checkpoint(checkpoint)
    rewrite(checkpoint, metadata={"network": "resnet21"})
    with pytest.raises(ValueError, match="it.safetensors .*unknown network 'resnet21'"):
        load_checkpoint(checkpoint)
    for metadata in ({"network": ["resnet20"]}, {"network": 20}, {"classes": 10}):
        rewrite(checkpoint, metadata=metadata)
        with pytest.raises(ValueError, match="metadata of .*it.safetensors are not as we write"):
            load_checkpoint(checkpoint)
    rewrite(checkpoint, metadata={"network": "resnet20"})
    rewrite(checkpoint, metadata={"classes": ["a", "b"]})
    with pytest.raises(ValueError, match="(?s)weights in .* are not those of resnet20: .*size"):
        load_checkpoint(checkpoint)


def test_a_weight_is_missing(checkpoint):
    weights = load_file(checkpoint)
    del weights["stage2.0.residual.0.weight"]
    rewrite(checkpoint, weights)
    with pytest.raises(ValueError, match="Missing key.*stage2.0.residual.0.weight"):
        load_checkpoint(checkpoint)


def test_a_place_that_cannot_be_written(tmp_path):
    """Below a regular file, where not even the superuser can write."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write records to .*file/runs: Not a directory"):
        records.prepare(tmp_path / "file", "run")
    with pytest.raises(OSError):
        save_checkpoint(
            tmp_path / "file" / "it.safetensors", resnet_edu.resnet20(), checks.about(resnet_edu)
        )


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no finished run in .*: it has no record.json"):
        records.read_run(tmp_path)
    assert records.read_runs(tmp_path) == []


def test_a_record_of_another_format(tmp_path):
    (tmp_path / "record.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="it has format 99, and this code reads 3"):
        records.read_run(tmp_path)


# The runs that are committed


@pytest.mark.parametrize("name", RUNS)
def test_committed_run_is_what_its_name_says(name):
    run = records.read_run(ROOT / "records" / "runs" / name)
    record = run.record
    fields = (record["network"], record["dataset"], record["recipe"]["name"], record["seed"])
    assert name == records.run_name(*fields)
    last = record["results"]["last"]
    assert run.metrics[-1].iteration == last["iteration"] == record["recipe"]["iterations"]
    assert record["pictures_seen"] == last["iteration"] * record["recipe"]["batch"]
    assert run.metrics[-1].validation_error == pytest.approx(last["validation_error"], rel=1e-5)
    network = resnet_edu.resnet.by_name(record["network"], len(record["classes"]))
    assert record["parameters"] == sum(p.numel() for p in network.parameters())
    kind = r"drawn|(class folders|official batches) in a (folder|zip|tar)|official archive.*"
    assert re.fullmatch(f"({kind})(, by way of the cache)?", record["source"])
    best = min(run.metrics, key=lambda row: row.validation_error)
    assert record["results"]["best_on_validation"]["iteration"] == best.iteration
    assert str(ROOT) not in json.dumps(record)


@pytest.mark.parametrize("name", RUNS)
def test_committed_checkpoints_give_their_test_errors(name, request):
    """Again on this machine; processors round differently, which may tip a picture in 2,000."""
    run = records.read_run(ROOT / "records" / "runs" / name)
    results = run.record["results"]
    files = {"last": "last"}
    if results["best_on_validation"]["iteration"] != results["last"]["iteration"]:
        files["best"] = "best_on_validation"
    if not run.checkpoint.exists():
        assert run.record["parameters"] * 4 > records.LARGEST * 0.9, "its checkpoint is missing"
        pytest.skip("its checkpoint is over 4 MB and not in the repository")
    for file, which in files.items():
        network, about = load_checkpoint(records.checkpoint_of(run.folder, file))
        if about.dataset == "cifar10":
            dataset = request.getfixturevalue("cifar10")
        else:
            dataset = data.load(about.dataset)
        assert about.fingerprint == run.record["fingerprint"] == dataset.fingerprint
        assert (about.mean, about.std) == (dataset.mean, dataset.std)
        assert about.iteration == results[which]["iteration"]
        score = evaluate(network, dataset.test, about.mean, about.std)
        assert score.error == pytest.approx(results[which]["test_error"], abs=0.05)
        assert score.loss == pytest.approx(results[which]["test_loss"], rel=1e-3)
