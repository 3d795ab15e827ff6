"""The command line: what it prints, what it leaves, its exit codes, and its errors."""

import io
import json
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file

from resnet_edu import __version__, records
from resnet_edu.__main__ import main
from resnet_edu.train import Training
from resnet_edu.update import Update

COMMANDS = ["trace", "train", "sweep", "evaluate", "predict", "data", "records"]
TINY = ["train", "resnet20", "--iterations", "2", "--batch", "8", "--device", "cpu"]
NAME = "resnet20-shapes-sprint-2it-b8-s0"


def refused(arguments, capsys):
    """What is said of a command line that is wrong: exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def failed(arguments, capsys):
    """The one line that says why it could not be done: exit code 1."""
    assert main(arguments) == 1
    line = capsys.readouterr().err
    assert line.startswith("resnet-edu: ") and line.count("\n") == 1
    return line


def test_both_entry_points():
    """`resnet-edu` and `python -m resnet_edu` are the same program."""
    program = Path(sys.executable).with_name("resnet-edu")
    shown = subprocess.run([program, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0 and shown.stderr == ""
    for word in (*COMMANDS, "Exit codes: 0 done"):
        assert word in shown.stdout
    module = [sys.executable, "-m", "resnet_edu", "trace", "resnet20"]
    traced = subprocess.run(module, capture_output=True, text=True)
    assert traced.returncode == 0 and "269,722     40,551,040" in traced.stdout


def test_a_reader_that_has_seen_enough():
    """`resnet-edu trace resnet110 | head -1` says nothing of a broken pipe."""
    program = Path(sys.executable).with_name("resnet-edu")
    command = f"{program} trace resnet110 --depth 4 | head -1"
    shown = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert shown.stderr == "" and shown.stdout.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: resnet-edu {command}" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0 and capsys.readouterr().out == f"resnet-edu {__version__}\n"


@pytest.mark.parametrize(("depth", "lines"), [(1, 9), (2, 24)])
def test_trace(depth, lines, capsys):
    assert main(["trace", "resnet20", "--depth", str(depth)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_data(few_shapes, capsys):
    assert main(["data", "shapes"]) == 0
    shown = capsys.readouterr().out
    assert "shapes (drawn)" in shown and few_shapes.fingerprint in shown
    assert "180 and 20 for validation" in shown


def test_train_then_evaluate(few_shapes, tmp_path, capsys):
    """The record says what was done; evaluating its checkpoint gives its test error again."""
    assert main([*TINY, "--records", str(tmp_path)]) == 0
    assert "iteration      2  epoch   0.09" in capsys.readouterr().out
    (run,) = records.read_runs(tmp_path)
    assert run.name == NAME
    assert run.record["fingerprint"] == few_shapes.fingerprint
    assert run.record["recipe"]["iterations"] == 2 and run.record["recipe"]["batch"] == 8
    assert str(tmp_path) not in json.dumps(run.record)
    for place in (run.folder, run.checkpoint):
        assert main(["evaluate", str(place)]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        where = "resnet20 after 2 iterations on 100 test pictures of shapes"
        assert f"{where}: error {run.test_error:.2f} %" in shown.out


def test_the_seed_decides(few_shapes, tmp_path):
    """The same command gives the same weights to the bit, another seed others."""
    first, again, other = (
        weights_of_seed(seed, tmp_path / folder) for seed, folder in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again and first != other


def test_the_seed_draws_the_first_weights(few_shapes, tmp_path, monkeypatch):
    """Not only the order of the pictures: after steps that learn nothing, weights differ too."""

    def stand_still(self, chosen, learning_rate):
        self.sums[2] += 1

    monkeypatch.setattr(Update, "__call__", stand_still)
    assert weights_of_seed(0, tmp_path / "first") != weights_of_seed(1, tmp_path / "second")


def weights_of_seed(seed, root):
    """What a tiny run of that seed leaves, as bytes, without the checkpoint's metadata."""
    assert main([*TINY, "--records", str(root), "--seed", str(seed)]) == 0
    (path,) = root.glob("runs/*/last.safetensors")
    return {name: value.numpy().tobytes() for name, value in load_file(path).items()}


def test_evaluating_on_other_pictures_is_said(few_shapes, tmp_path, capsys, monkeypatch):
    main([*TINY, "--records", str(tmp_path)])
    capsys.readouterr()
    monkeypatch.setattr("resnet_edu.data.shapes.TEST", 50)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert main(["evaluate", str(tmp_path / "runs" / NAME)]) == 0
    assert "note: trained on shapes" in capsys.readouterr().err
    assert not torch.backends.cudnn.allow_tf32, "not in the arithmetic of the training"


def test_weights_that_stayed_elsewhere(few_shapes, tmp_path, capsys, monkeypatch):
    main([*TINY, "--records", str(tmp_path)])
    monkeypatch.chdir(tmp_path / "runs" / NAME)
    Path("last.safetensors").unlink()
    assert main(["evaluate", "."]) == 1
    assert f"stay in {tmp_path / 'large' / NAME} on the machine" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no shell")
def test_closed_streams(tmp_path):
    """Somebody who closes them, as daemons do, wants nothing said; not that nothing be done."""
    closed = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable]
    sweep = [ROOT / "tests" / "driver.py", "sweep", "plain20", "--recipe", "tiny"]
    sweep += ["--device", "cpu", "--records", tmp_path, "--iterations", "8"]
    for command in (["-m", "resnet_edu", "trace", "resnet20"], sweep):
        assert subprocess.run([*closed, *map(str, command)]).returncode == 0
    assert len(records.read_runs(tmp_path)) == 1


def interrupted(self):
    raise KeyboardInterrupt


def test_interrupted_twice(few_shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Training, "evaluate", interrupted)
    assert main([*TINY, "--records", str(tmp_path)]) == 130
    assert "resnet-edu: interrupted" in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*")) == list(tmp_path.glob("runs/.*")) == []


def test_a_loss_that_is_no_number(few_shapes, tmp_path, monkeypatch, capsys):
    """The state that was saved before stays, and the error says when it happened."""
    state = tmp_path / "under-way" / f"{NAME}.safetensors"
    steps = iter([Training.step])
    with monkeypatch.context() as second:
        second.setattr(Training, "step", lambda self: next(steps, interrupted)(self))
        assert main([*TINY, "--records", str(tmp_path), "--save-every", "0.00001"]) == 130
    before = state.read_bytes()
    monkeypatch.setattr("resnet_edu.update.F.cross_entropy", lambda x, y: x.sum() * torch.nan)
    capsys.readouterr()
    assert main([*TINY, "--records", str(tmp_path), "--save-every", "0.00001"]) == 1
    words = "the training loss is no finite number after 1 iterations; a lower learning rate"
    assert words in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*")) == [] and state.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_log_on_a_full_disk(few_shapes, tmp_path):
    with (
        open("/dev/full", "w") as out,
        open("/dev/full", "w") as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        assert main([*TINY, "--records", str(tmp_path)]) == 0
    assert records.read_runs(tmp_path)


def test_signs_that_a_terminal_does_not_know(monkeypatch):
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", ascii_only)
    assert main(["trace", "resnet20"]) == 0
    assert b"3 ? 32 ? 32" in ascii_only.buffer.getvalue()


def test_no_time_at_all(few_shapes, tmp_path, capsys):
    assert main([*TINY, "--records", str(tmp_path), "--minutes", "0.00001"]) == 3
    said = capsys.readouterr().err
    assert "stopped (time); nothing was done yet; give it more --minutes" in said
    assert list(tmp_path.glob("*/*")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["paint"], "invalid choice: 'paint'"),
        (["trace"], "the following arguments are required: NETWORK"),
        (["trace", "resnet21"], "unknown network 'resnet21'; there are resnet20, "),
        (["trace", "resnet20-D"], "unknown network 'resnet20-D'"),
        (["trace", "resnet20", "--depth", "0"], "--depth: must be a whole number of 1 or more"),
        (["train", "plain21"], "unknown network 'plain21'"),
        (["train", "resnet20", "--data", "mnist"], "--data: invalid choice: 'mnist'"),
        (["train", "resnet20", "--recipe", "slow"], "unknown recipe 'slow'; there are paper, "),
        (["train", "resnet20", "--batch", "0"], "--batch: must be a whole number of 1 or more"),
        (["train", "resnet20", "--batch", "-8"], "--batch: must be .* not '-8'"),
        (["train", "resnet20", "--iterations", "0"], "--iterations: must be .* not '0'"),
        (["train", "resnet20", "--iterations", "2.5"], "--iterations: must be .* not '2.5'"),
        (["train", "resnet20", "--seed", "one"], "--seed: must be .* not 'one'"),
        (["train", "resnet20", "--seed", "-1"], "--seed: must be .* not '-1'"),
        (["train", "resnet20", "--iterations", "1"], "one-cycle needs 2 iterations or more"),
        (["train", "resnet20", "--minutes", "0"], "--minutes: must be .* above 0, not '0'"),
        (["train", "resnet20", "--minutes", "nan"], "--minutes: must be .* above 0, not 'nan'"),
        (["train", "resnet20", "--save-every", "soon"], "--save-every: must be .* not 'soon'"),
        (["train", "resnet20", "--precision", "int8"], "--precision: invalid choice: 'int8'"),
        (["sweep"], "the following arguments are required: NETWORK"),
        (["sweep", "plain21"], "unknown network 'plain21'"),
        (["sweep", "plain20", "--seeds", "x"], "--seeds: must be .* not 'x'"),
        (["sweep", "plain20", "--at-once", "0"], "--at-once: must be .* not '0'"),
        (["train", "resnet20", "--device", "cuda:99"], "--device: "),
        (["train", "resnet20", "--device", "abacus"], "--device: .*abacus"),
        (["data", "mnist"], "invalid choice: 'mnist'"),
    ],
    ids=" ".join,
)
def test_wrong_command_line(arguments, words, capsys):
    assert re.search(words, refused(arguments, capsys))


def test_a_run_that_is_there_already(few_shapes, tmp_path, capsys):
    (tmp_path / "runs" / NAME).mkdir(parents=True)
    line = failed([*TINY, "--records", str(tmp_path)], capsys)
    assert f"{NAME} is there already; choose another --seed, keep yours apart" in line


def test_records_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    line = failed([*TINY, "--records", str(tmp_path / "file")], capsys)
    assert "cannot write records to" in line and "Not a directory" in line


def test_cifar10_is_not_at_hand(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("RESNET_EDU_DATA", raising=False)
    train = [*TINY, "--data", "cifar10", "--records", str(tmp_path)]
    line = failed(train, capsys)
    assert "CIFAR-10 is not at hand" in line and "`python -m resnet_edu data cifar10`" in line
    assert "or set RESNET_EDU_DATA to a folder, zip or tar" in line
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path / "nowhere"))
    for command in (train, ["data", "cifar10"]):
        assert "there is no folder, zip or tar at" in failed(command, capsys)


def test_only_data_downloads(monkeypatch, capsys):
    def fetch(known, folder):
        raise ConnectionError(f"asked for {known.title}")

    monkeypatch.delenv("RESNET_EDU_DATA", raising=False)
    monkeypatch.setattr("resnet_edu.data.fetch", fetch)
    assert "asked for CIFAR-10" in failed(["data", "cifar10"], capsys)


def test_checkpoints_that_are_none(tmp_path, capsys):
    assert "there is no checkpoint at" in failed(["evaluate", str(tmp_path)], capsys)
    path = tmp_path / "it.safetensors"
    assert "there is no checkpoint at" in failed(["evaluate", str(path)], capsys)
    path.write_bytes(b"something else")
    assert "is no whole safetensors file" in failed(["evaluate", str(path)], capsys)
