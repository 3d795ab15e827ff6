"""Runs as they are begun, stopped, killed, resumed and finished, each in a process of its own."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file

from resnet_edu import records, resume

NAME = "resnet20-shapes-tiny-s0"
TRAIN = ["train", "resnet20", "--recipe", "tiny", "--device", "cpu", "--save-every", "0.0005"]
PACE = "0.05"  # seconds a step takes at least, so that a fast machine is not done before it is told


def start(*arguments, **environment):
    """The driver, in one thread: the same weights to the bit need the same number of threads."""
    command = [sys.executable, str(ROOT / "tests" / "driver.py"), *map(str, arguments)]
    threads = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        env=os.environ | threads | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as in a terminal
    )


def finish(process):
    """(exit code, stdout, stderr) of a process that ends by itself."""
    try:
        out, err = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a sweep has children
        raise
    return process.returncode, out, err


def after_evaluations(process, count):
    """Waits until the run has shown so many evaluations."""
    seen = 0
    while seen < count and (line := process.stdout.readline()):
        seen += line.startswith("iteration")
    assert seen == count, process.stderr.read()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights of a run that nothing interrupted."""
    root = tmp_path_factory.mktemp("undisturbed")
    code, out, err = finish(start(*TRAIN, "--records", root))
    assert code == 0, err
    assert not list((root / "under-way").iterdir())
    (run,) = records.read_runs(root)
    assert run.record["resumed_at"] == []
    return run


def test_killed_and_stopped_runs_end_with_the_same_weights(undisturbed, tmp_path):
    """SIGKILL at random and in the middle of a write, SIGINT, SIGTERM, no time left; to the bit."""
    command = [*TRAIN, "--records", tmp_path]
    state = tmp_path / "under-way" / f"{NAME}.safetensors"

    assert finish(start(*command, DIE_IN_WRITE=f"{NAME}.safetensors:4"))[0] == -signal.SIGKILL
    assert list(state.parent.glob(f".{state.name}-*")), "it was not killed in a write"
    assert resume.read_state(state)[1]["numbers"]["iteration"] > 0, "the old state is damaged"

    for asked, expected in (
        (signal.SIGINT, 130),
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGTERM, 143),
    ):
        process = start(*command, PACE=PACE)
        after_evaluations(process, 1)
        time.sleep(random.uniform(0, 4 * float(PACE)))
        process.send_signal(asked)
        code, _, err = finish(process)
        assert code == expected, err
        if expected > 0:
            assert f"stopped ({asked.name}); the state lies in {state}" in err
            assert "the same command goes on from there" in err
        assert not (tmp_path / "runs" / NAME).exists()

    before = state.read_bytes()
    code, _, err = finish(start(*command, "--minutes", "0.0001"))
    assert code == 3 and "stopped (time)" in err and state.read_bytes() == before

    assert finish(start(*command, DIE_IN_WRITE="metrics.csv:1"))[0] == -signal.SIGKILL
    assert list(tmp_path.glob(f"runs/.{NAME}-*")), "it was not killed in its record"
    assert records.read_runs(tmp_path) == []

    code, out, err = finish(start(*command))
    assert code == 0, err
    assert "that are done" in out
    assert list(state.parent.iterdir()) == [], "something was left behind"
    assert [path.name for path in tmp_path.glob("runs/*")] == [NAME], "half a record was left"
    run = records.read_run(tmp_path / "runs" / NAME)
    # It may have been killed before it had saved anything new.
    assert len(run.record["resumed_at"]) >= 4 and run.record["resumed_at"][-1] == 40
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = run.folder / name, undisturbed.folder / name
        assert ours.exists() == theirs.exists()
        if ours.exists():
            mine, other = load_file(ours), load_file(theirs)
            assert all(torch.equal(mine[key], other[key]) for key in other), name
    for mine, other in zip(run.metrics, undisturbed.metrics, strict=True):
        same = ("iteration", "learning_rate", "train_loss", "train_error", "validation_loss")
        assert [getattr(mine, key) for key in same] == [getattr(other, key) for key in same]


def test_sweep(tmp_path):
    """Skips the finished, resumes the stopped, begins the rest, in the precision of those there."""
    first = ["train", "plain20", *TRAIN[2:], "--records", tmp_path]
    assert finish(start(*first))[0] == 0
    (finished,) = records.read_runs(tmp_path)
    written = (finished.folder / "record.json").stat().st_mtime_ns
    process = start(*TRAIN, "--records", tmp_path, "--precision", "bfloat16", PACE=PACE)
    after_evaluations(process, 1)
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130

    both = ["sweep", "plain20", "resnet20", *TRAIN[2:], "--records", tmp_path]
    code, out, err = finish(start(*both, "--seeds", "0", "1", "--at-once", "2"))
    assert code == 0, err
    assert out.count("test error of the last iterate") == 4
    assert (finished.folder / "record.json").stat().st_mtime_ns == written
    runs = {run.name: run for run in records.read_runs(tmp_path)}
    assert len(runs) == 4 and len(runs[NAME].record["resumed_at"]) == 1
    # The run that was under way decides for all that were still to be made.
    precisions = {name: run.record["speed"]["precision"] for name, run in runs.items()}
    assert precisions.pop(finished.name) == "float32"
    assert set(precisions.values()) == {"bfloat16"}

    more = ["sweep", "resnet20", *TRAIN[2:], "--records", tmp_path, "--seeds", "0", "2"]
    code, out, err = finish(start(*more))
    assert code == 0, err
    last = records.read_run(tmp_path / "runs" / "resnet20-shapes-tiny-s2")
    assert last.record["speed"]["precision"] == "bfloat16"  # that of the finished one


def test_a_sweep_outlives_runs_that_fail(tmp_path):
    """A loss that is no number, a state that is damaged or was begun otherwise, half a record, a
    process that is killed: each is told by name, and the others are finished.
    """
    first = [*TRAIN, "--seed", "1", "--records", tmp_path, "--precision", "bfloat16"]
    process = start(*first, PACE=PACE)
    after_evaluations(process, 1)
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    (tmp_path / "under-way" / f"{NAME}.safetensors").write_bytes(b"no state")
    (tmp_path / "runs" / "resnet20-shapes-tiny-s2").mkdir(parents=True)
    command = ["sweep", "resnet20", "plain20", *TRAIN[2:], "--records", tmp_path]
    command += ["--seeds", "0", "1", "2", "--precision", "float32"]
    code, out, err = finish(start(*command, DIE_IN_WRITE="plain20-shapes-tiny-s1:2"))
    assert code == 1
    for name, why in {
        NAME: "is no whole safetensors file",
        "resnet20-shapes-tiny-s1": "whose precision is bfloat16, but float32 is asked for",
        "resnet20-shapes-tiny-s2": "there is no finished run in",
        "plain20-shapes-tiny-s1": "its process was ended by SIGKILL",
    }.items():
        (line,) = (line for line in err.splitlines() if line.startswith(f"{name}: "))
        assert "failed: " in line and why in line, line
    for seed in (0, 2):
        run = records.read_run(tmp_path / "runs" / f"plain20-shapes-tiny-s{seed}")
        assert run.record["speed"]["precision"] == "float32"
    burning = ["sweep", "resnet20", "--recipe", "burning", "--device", "cpu"]
    code, _, err = finish(start(*burning, "--records", tmp_path))
    assert code == 1
    assert "resnet20-shapes-burning-s0: failed: the training loss is no finite number after" in err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who is whose child")
def test_a_sweep_that_is_stopped_while_it_begins(tmp_path):
    """Ctrl-C goes to all processes of a terminal, to those too that have hardly begun to listen."""
    command = ["sweep", "resnet20", "plain20", "resnet32", *TRAIN[2:], "--records", tmp_path]
    process = start(*command, "--at-once", "2")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + 120
    while len(children.read_text().split()) < 3:  # two runs, and what Python needs for them
        assert process.poll() is None and time.monotonic() < until, process.stderr.read()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = finish(process)
    assert code == 130 and out.count("not finished") == 3, out
    assert "Traceback" not in err and "stopping tidily" in err, err


def test_a_stopped_sweep_goes_on(tmp_path):
    command = ["sweep", "resnet20", "plain20", *TRAIN[2:], "--records", tmp_path]
    process = start(*command, PACE=PACE)
    after_evaluations(process, 1)
    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert code == 143, err
    assert out.count("not finished") == 2
    left = sorted(path.name for path in (tmp_path / "under-way").iterdir())
    assert left == [f"{NAME}-best.safetensors", f"{NAME}.safetensors"]
    code, out, err = finish(start(*command))
    assert code == 0 and "that are done" in out, err
    assert len(records.read_runs(tmp_path)) == 2
