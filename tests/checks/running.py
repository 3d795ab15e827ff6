"""What must hold of precision, warm-up, states to resume from, and the choice of speed."""

import copy
import errno
import io
import math
import os
import signal
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from unittest.mock import Mock, patch

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from . import part
from .pictures import few_shapes
from .training import silent, tiny_network, tiny_recipe, tiny_training

ABOUT = {"network": "tiny", "resumed_at": []}


def training_in(package, precision="float32", device="cpu", **changes):
    """A tiny training in that precision."""
    speed = part(package, "speed").Speed(precision)
    recipe = tiny_recipe(package, iterations=12, evaluate_every=5, **changes)
    return part(package, "train").Training(
        tiny_network(package), few_shapes(package), recipe, device=device, speed=speed
    )


# Precision


def check_convolutions_run_in_the_precision(package):
    """bfloat16 inside, float32 weights, momenta and loss; close to what float32 does."""
    ends = {}
    for precision in ("float32", "bfloat16", "float16"):
        training, met = training_in(package, precision, augment=False), []
        hook = lambda module, args, output, met=met: met.append(output.dtype)  # noqa: E731
        training.network.stage1[0].residual[0].register_forward_hook(hook)
        training.step()
        assert met == [getattr(torch, precision)]
        tensors = training.update.tensors()
        floats = {value.dtype for value in tensors.values() if value.is_floating_point()}
        assert floats == {torch.float32}
        ends[precision] = tensors["network.head.2.weight"].clone()
    assert not torch.equal(ends["float32"], ends["bfloat16"])
    for precision in ("bfloat16", "float16"):
        assert_close(ends[precision], ends["float32"], rtol=0.1, atol=0.01)


def check_float16_scales_its_loss(package):
    """Gradients below float16's smallest number survive: the loss is multiplied before."""
    for precision, enabled in (("float32", False), ("bfloat16", False), ("float16", True)):
        assert training_in(package, precision).update.scaler.is_enabled() == enabled


class Waits(TorchDispatchMode):
    """Counts how often a value is fetched from the device, for which all of its work must end."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def check_steps_wait_for_nothing(package):
    """No value is fetched in a step; an evaluation has to fetch some, so the count counts."""
    for precision in ("float32", "bfloat16"):
        training = training_in(package, precision, nesterov=True)
        with Waits() as waits:
            for _ in range(3):
                training.step()
            assert waits.count == 0
            training.evaluate()
            assert waits.count > 0


# Warm-up


def check_warm_up(package):
    """A tenth of the rate until the error of the last iterations is low, then the whole."""
    train = part(package, "train")
    changes = {"schedule": "steps", "milestones": (10,), "warm_up_below": 80.0}
    training = training_in(package, **changes)
    # Wrong answers out of 16: 100 and 87.5 %; 87.5 and 62.5 %: 75 % over the last two updates.
    wrong = iter([16, 14, 14, 10, 9, 16, 16, 16, 16, 16, 16, 16])
    rates = []

    def update(chosen, rate):
        rates.append(round(rate, 9))
        training.update.sums += torch.tensor([1.0, next(wrong), 1.0])

    update.sums = torch.zeros(3)
    training.update = update
    with patch.object(train, "WARM_UP_LOOK", 2):
        training.run(on_evaluation=silent)
    assert rates == [0.01] * 4 + [0.1] * 6 + [0.01] * 2
    assert training.warm_up_ended == 4 and not training.warming_up
    assert [row.learning_rate for row in training.metrics] == pytest.approx([0.1, 0.1, 0.01])
    assert training_in(package).warm_up_ended is None


def check_warm_up_across_an_evaluation(package):
    """An evaluation sets the sums to zero; the look after it counts from there."""
    train = part(package, "train")
    training = training_in(package, schedule="steps", milestones=(), warm_up_below=80.0)
    wrong = iter([16] * 6 + [8] * 6)

    def update(chosen, rate):
        training.update.sums += torch.tensor([1.0, next(wrong), 1.0])

    update.sums = torch.zeros(3)
    training.update = update
    with patch.object(train, "WARM_UP_LOOK", 3):
        training.run(on_evaluation=silent)
    assert training.warm_up_ended == 9  # at 6, iteration 6 alone counts: all wrong


# Going on


def check_resume_to_the_bit(package, folder, device="cpu"):
    """Stopped after any iteration and restored into a fresh Training: the same to the bit."""
    with patch.object(part(package, "train"), "WARM_UP_LOOK", 2):
        for precision, changes in (
            ("float32", {"nesterov": True}),
            ("bfloat16", {"warm_up_below": 99.0}),
            ("float16", {}),
        ):
            changes["device"] = device
            undisturbed = training_in(package, precision, **changes)
            undisturbed.run(on_evaluation=silent)
            try:
                training = stop_and_go(package, folder, precision, changes)
            except FloatingPointError as error:
                pytest.fail(f"the sums of the losses were lost: {error}")
            assert_same(training, undisturbed)


def stop_and_go(package, folder, precision, changes):
    """A training that was stopped and restored again and again."""
    resume, path = part(package, "resume"), folder / "state.safetensors"
    training = training_in(package, precision, **changes)
    for stop in (0, 1, 4, 5, 7, 10, 11):
        training.run(on_evaluation=silent, stop=lambda t=training, n=stop: t.iteration == n)
        assert training.iteration == stop and not training.finished
        resume.save_state(path, training, ABOUT)
        training = training_in(package, precision, **changes)
        with torch.no_grad():  # what a fresh Training holds must not matter
            for p in training.network.parameters():
                p.fill_(7.0)
        torch.manual_seed(stop)
        resume.restore(training, *resume.read_state(path))
    training.run(on_evaluation=silent)
    return training


def assert_same(training, other):
    mine, theirs = training.update.tensors(), other.update.tensors()
    for name, value in theirs.items():
        assert torch.equal(mine[name], value), name
    assert training.best.keys() == other.best.keys()
    assert all(torch.equal(training.best[name], value) for name, value in other.best.items())
    assert training.warm_up_ended == other.warm_up_ended
    timed = ("seconds", "pictures_per_second")
    for row, expected in zip(training.metrics, other.metrics, strict=True):
        for name, value in vars(expected).items():
            assert name in timed or getattr(row, name) == value, name
        assert row.seconds > 0


def check_a_state_before_an_evaluation(package, folder):
    """Saved after a step whose evaluation is due: it is made up for."""
    resume, path = part(package, "resume"), folder / "state.safetensors"
    training = training_in(package)
    for _ in range(5):
        training.step()
    resume.save_state(path, training, ABOUT)
    again = training_in(package)
    resume.restore(again, *resume.read_state(path))
    again.run(on_evaluation=silent)
    assert [row.iteration for row in again.metrics] == [5, 10, 12]


def check_the_last_good_state_stays(package, folder):
    """A state after a loss that is no number is refused, and the old one is there still; so is
    one whose last update left a weight or a statistic that is none, which no loss has met yet.
    """
    resume, path = part(package, "resume"), folder / "state.safetensors"
    training = training_in(package)
    training.step()
    resume.save_state(path, training, ABOUT)
    before = path.read_bytes()
    for name in ("stem.1.running_var", "head.2.bias"):
        value = training.network.state_dict()[name]
        kept = value.clone()
        value[1] = math.inf
        for use in (training.evaluate, lambda: resume.save_state(path, training, ABOUT)):
            with pytest.raises(FloatingPointError, match=f"^{name} is no finite number after 1 "):
                use()
        value.copy_(kept)
    assert path.read_bytes() == before
    nn.init.constant_(training.network.head[-1].bias, math.nan)
    training.step()
    with pytest.raises(FloatingPointError, match="no finite number after 1 iterations"):
        resume.save_state(path, training, ABOUT)
    assert path.read_bytes() == before


def check_states_that_do_not_fit(package, folder):
    resume, path = part(package, "resume"), folder / "state.safetensors"
    training = training_in(package)
    resume.save_state(path, training, ABOUT)
    tensors, state = resume.read_state(path)
    assert state["about"] == ABOUT
    missing = {name: value for name, value in tensors.items() if "stage2" not in name}
    with pytest.raises(ValueError, match="of another network: it has no momentum.stage2"):
        resume.restore(training_in(package), missing, state)
    other = tensors | {"network.head.2.weight": torch.zeros(3, 8)}
    with pytest.raises(
        ValueError, match=r"another network: network.head.2.weight is \(3, 8\), not"
    ):
        resume.restore(training_in(package), other, state)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="is no whole safetensors file"):
        resume.read_state(path)
    checkpoint = part(package, "checkpoint")
    about = checkpoint.About("tiny", (), (), (), "shapes", "", "tiny", 0, 1)
    checkpoint.save_checkpoint(path, tiny_network(package), about)
    assert checkpoint.KEY in checkpoint.read_tensors(path)[1]
    with pytest.raises(ValueError, match="holds no state of a run of ours: 'resnet_edu_state'"):
        resume.read_state(path)


# Runs


def plan_of(package, **changes):
    values = {"iterations": 12, "evaluate_every": 5, "batch": 8} | changes
    return part(package, "plans").Plan("resnet20", "shapes", tiny_recipe(package, **values))


def how_in(package, folder, **changes):
    values = {"save_every": 1e9, "progress": "none", **changes}
    return part(package, "plans").How(folder, torch.device("cpu"), **values)


def make(package, plan, how, steps=None):
    """The run, or None where it stopped after so many steps more."""
    runs, stop = part(package, "runs"), part(package, "stop").Stop()
    training, made = part(package, "train").Training, []
    step = training.step
    stop.asked = lambda: len(made) == steps

    def counted(self):
        step(self)
        made.append(self.iteration)

    shapes = part(package, "data.shapes")
    with (
        patch.object(training, "step", counted),
        patch.object(shapes, "TRAIN", 200),
        patch.object(shapes, "TEST", 100),
    ):
        return runs.make(plan, how, stop)


def check_a_state_of_another_run(package, folder):
    """Another recipe under the same name, other pictures, another precision: each is said."""
    how = how_in(package, folder)
    plan = plan_of(package)
    assert make(package, plan, how, steps=2) is None
    path = part(package, "plans").state_path(folder, plan)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"whose recipe is .*'lr': 0.1.* but .*'lr': 0.3.* remove"):
        make(package, plan_of(package, lr=0.3), how)
    with pytest.raises(ValueError, match="whose precision is float32, but bfloat16 is asked for"):
        make(package, plan, how_in(package, folder, precision="bfloat16"))
    with (
        patch.object(part(package, "runs"), "SPLIT", 1),
        pytest.raises(ValueError, match="whose split is 0, but 1 is asked for"),
    ):
        make(package, plan, how)
    runs, stop = part(package, "runs"), part(package, "stop").Stop()
    with (
        patch.object(part(package, "data.shapes"), "TRAIN", 100),
        pytest.raises(ValueError, match="whose fingerprint is .*, but .* is asked for"),
    ):
        runs.make(plan, how, stop)
    assert path.read_bytes() == before
    run = make(package, plan, how)
    assert run.record["resumed_at"] == [2] and not path.exists()


def check_a_run_that_moves(package, folder):
    """Each machine and its PyTorch are in the record, and whoever goes on with another is told."""
    plan, said = plan_of(package), []
    here = {"cpu": "a CPU", "cores": 4, "threads": 2, "gpu": None}
    there = here | {"cpu": "another CPU", "threads": 3}
    how = how_in(package, folder, progress="lines")
    old, new = ({"torch": version} for version in ("2.14.0", "2.15.0"))
    records = part(package, "records")
    stretches = ((here, old, 2), (here, old, 2), (there, old, 3), (there, new, 1), (there, new, 9))
    for machine, versions, steps in stretches:
        with (
            patch.object(records, "machine", lambda device, it=machine: it),
            patch.object(records, "versions", lambda it=versions: it),
            patch("builtins.print", lambda line, **_: said.append(line)),
        ):
            run = make(package, plan, how, steps)
    assert run.record["machines"] == [
        {"since": 0, **here, **old, "compiled": False},
        {"since": 4, **there, **old, "compiled": False},
        {"since": 7, **there, **new, "compiled": False},
    ]
    assert run.record["resumed_at"] == [2, 4, 7, 8]
    moved, renewed = [line for line in said if "begun otherwise" in line]
    assert "(cpu a CPU, now another CPU; threads 2, now 3)" in moved
    assert "(torch 2.14.0, now 2.15.0)" in renewed


def check_what_does_not_compute_is_no_move(package):
    """On a GPU the processor adds nothing up, and cores that a run does not use never do."""
    runs, said = part(package, "runs"), []
    about = {"speed": {"compiled": False}, "machines": []}
    here = {"cpu": "a CPU", "cores": 4, "threads": 2, "gpu": "a card"}
    for device, changes, machines in (
        ("cuda", {}, 1),
        ("cuda", {"threads": 1, "cpu": "another CPU"}, 1),
        ("cuda", {"gpu": "another card"}, 2),
        ("cpu", {"gpu": "another card", "cores": 9}, 2),
        ("cpu", {"gpu": "another card", "threads": 1}, 3),
    ):
        machine = lambda device, it=here | changes: it  # noqa: E731
        with patch.object(part(package, "records"), "machine", machine):
            runs._sign(about, 7, torch.device(device), said.append)
        assert len(about["machines"]) == 1 + len(said) == machines, (device, changes)


def check_a_compiled_run_without_a_compiler(package, folder):
    """Begun with or without one, it goes on by the same command, says so, and ends the same."""
    plan, ends = plan_of(package), []
    there, missing = lambda function: function, Mock(side_effect=RuntimeError("no compiler found"))
    for first, then in ((there, there), (there, missing), (missing, missing), (missing, there)):
        root, said = folder / str(len(ends)), []
        how = how_in(package, root, precision="float32", compiled=True, progress="lines")
        with (
            patch("builtins.print", lambda line, said=said, **_: said.append(line)),
            patch.object(torch, "compile", first),
        ):
            make(package, plan, how, steps=2)
            assert ("going on without compiling" in " ".join(said)) == (first is missing)
            said.clear()
            torch.compile = then
            try:
                run = make(package, plan, how)
            except (RuntimeError, ValueError) as error:
                pytest.fail(f"the run ended: {error}")
        assert run.record["speed"]["compiled"] == (first is then is there)
        stretches = [stretch["compiled"] for stretch in run.record["machines"]]
        assert stretches == (
            [True, False] if first is there and then is missing else [first is there]
        )
        assert ("going on without compiling" in " ".join(said)) == (missing in (first, then))
        ends.append(part(package, "checkpoint").load_checkpoint(run.checkpoint)[0])
    for ours, *others in zip(*(network.parameters() for network in ends), strict=True):
        assert all(torch.equal(ours, other) for other in others)


def check_a_sweep_measures_its_largest(package, folder):
    """The speed of the deepest of the longest runs is measured, in whatever order they stand."""
    sweep, speed = part(package, "sweep"), part(package, "speed").Speed("bfloat16", True)
    long, short = tiny_recipe(package, iterations=20), tiny_recipe(package, iterations=10)
    plan = part(package, "plans").Plan
    plans = [plan(name, "shapes", long) for name in ("resnet20", "plain32", "plain20")]
    plans.append(plan("resnet44", "shapes", short))
    choose = Mock(return_value=(speed, {}))
    with patch.object(sweep, "choose_speed", choose):
        stop = part(package, "stop").Stop()
        how = sweep._one_speed(plans, [], how_in(package, folder), 1, stop)
    network, _, recipe, iterations, *_ = choose.call_args.args
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network.modules()) == 31
    assert (recipe, iterations) == (long, 70)
    assert (how.precision, how.compiled) == ("bfloat16", True)


def check_what_was_measured_is_recorded(package, folder):
    """What each choice came to, and what was taken: said, and written down; a sweep's as well."""
    plan, speed, said = plan_of(package), part(package, "speed"), []
    how = how_in(package, folder, compiled=False, progress="lines")
    with (
        patch.multiple(speed, WORTH_MEASURING=0, WARM_UP=1, ROUNDS=1, ROUND=0.001),
        patch("builtins.print", lambda line, **_: said.append(line)),
    ):
        chosen = make(package, plan, how).record["speed"]
    measured = chosen["pictures_per_second"]
    assert set(measured) == {"float32", "bfloat16"} and min(measured.values()) > 0
    assert measured[chosen["precision"]] == max(measured.values())
    (table,) = (line for line in said if "pictures a second as measured now: " in line)
    for name, rate in measured.items():
        assert f"{name} {rate:,.0f}" in table
    assert f"12 iterations of 8 in {chosen['precision']}" in "".join(said)
    sweep = part(package, "sweep")
    rates = {"float32": 5.0, "bfloat16": 8.0}
    choose = Mock(return_value=(speed.Speed("bfloat16"), rates))
    with patch.object(sweep, "choose_speed", choose):
        how = how_in(package, folder / "sweep")
        how = sweep._one_speed([plan], [], how, 1, part(package, "stop").Stop())
    assert make(package, plan, how).record["speed"]["pictures_per_second"] == rates


def check_a_sweep_takes_the_precision_of_its_like(package, folder):
    """That of finished runs by its recipe, though it does not make them, unless it is told."""
    sweep, stop = part(package, "sweep"), part(package, "stop").Stop()
    plan, other = plan_of(package), replace(plan_of(package), network="plain20")
    make(package, other, how_in(package, folder, precision="bfloat16", compiled=False))
    longer = replace(plan, recipe=replace(plan.recipe, name="longer"))
    measured = Mock(return_value=(part(package, "speed").Speed("float32"), {}))
    for asked, told, expected in (
        (plan, None, "bfloat16"),
        (longer, None, "float32"),
        (plan, "float32", "float32"),
    ):
        how, jobs, said = how_in(package, folder, precision=told), [], []
        with (
            patch.object(sweep, "choose_speed", measured),
            patch.object(sweep, "_make_all", lambda found, *_, jobs=jobs: jobs.extend(found)),
            patch("builtins.print", lambda line, said=said, **_: said.append(line)),
        ):
            sweep.sweep([asked], how, stop)
        ((_, settled),) = jobs
        if expected == "bfloat16":
            assert said == [
                f"in bfloat16, to be compared with {other.name}; --precision decides otherwise"
            ]
            assert measured.call_args.args[4].precision == "bfloat16"
            damaged = folder / "runs" / "damaged-s0" / "record.json"
            damaged.parent.mkdir()
            damaged.write_text("{")
        else:
            assert len(said) == 1 and "damaged-s0 cannot be read" in said[0], said
            assert settled.precision == expected


def check_progress(package, folder):
    """Pictures a second, the minutes that are left at that pace, and the last errors."""
    plan, said = plan_of(package, iterations=10**7), []
    asked = {"precision": "float32", "compiled": False}
    how = how_in(package, folder, progress="lines", **asked)
    with patch("builtins.print", lambda line, **_: said.append(line)):
        assert make(package, plan, how, steps=7) is None
    path = part(package, "plans").state_path(folder, plan)
    (row,) = part(package, "resume").read_state(path)[1]["metrics"]
    (line,) = (line for line in said if "validation" in line)
    pace = row["pictures_per_second"]
    left = (10**7 - 5) * 8 / pace / 60
    assert line.rstrip().endswith(f"{pace:,.0f} pictures/s, {left:,.0f} minutes left")
    assert f"training {row['train_loss']:.3f} {row['train_error']:5.2f} %" in line
    assert f"validation {row['validation_loss']:.3f} {row['validation_error']:5.2f} %" in line
    shown, how = io.StringIO(), how_in(package, folder, progress="bar", **asked)
    with redirect_stderr(shown), redirect_stdout(io.StringIO()):
        assert make(package, plan, how, steps=1) is None
    errors = f"errors {row['train_error']:.2f} % {row['validation_error']:.2f} %"
    assert "pictures/s" in shown.getvalue() and errors in shown.getvalue()


def check_a_full_disk_ends_no_run(package, folder):
    """The states in between cannot be saved; the run goes on to its end."""
    full = OSError(errno.ENOSPC, "No space left on device")
    said = []
    how = how_in(package, folder, save_every=0.0, progress="lines")
    with (
        patch.object(part(package, "resume"), "write_tensors", side_effect=full),
        patch.object(part(package, "runs"), "save_checkpoint", side_effect=full),
        patch("builtins.print", lambda line, **_: said.append(line)),
    ):
        try:
            run = make(package, plan_of(package), how)
        except OSError as error:
            pytest.fail(f"the run ended: {error}")
    assert run.metrics[-1].iteration == 12
    # After each of the twelve updates, once more before the record, and with every new best.
    errors = [row.validation_error for row in run.metrics]
    bests = sum(error < min(errors[:i], default=math.inf) for i, error in enumerate(errors))
    lines = [line for line in said if "not saved: " in line]
    assert len(lines) == 13 + bests
    assert all("No space left on device" in line for line in lines)


class Log(io.StringIO):
    """A log that notes what has been flushed; one that is full refuses "write" or "flush"."""

    def __init__(self, refuses=""):
        super().__init__()
        self.refuses, self.refused, self.flushed, self.behind = refuses, 0, "", 0

    def _try(self, what):
        if self.refuses == what:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    def write(self, text):
        self._try("write")
        self.behind += self.flushed != self.getvalue()
        return super().write(text)

    def flush(self):
        self._try("flush")
        self.flushed = self.getvalue()


def check_a_full_log_ends_no_run(package, folder):
    """Bar or lines: what nobody can take is dropped; what can be taken is there at once."""
    for progress, (out, err) in (
        ("bar", (Log(), Log("write"))),
        ("bar", (Log("flush"), Log())),
        ("lines", (Log("write"), Log("flush"))),
    ):
        root = folder / str(len(list(folder.iterdir())))
        root.mkdir()
        with redirect_stdout(out), redirect_stderr(err), part(package, "streams").steady():
            try:
                run = make(package, plan_of(package), how_in(package, root, progress=progress))
            except OSError as error:
                pytest.fail(f"the run ended: {error}")
        assert run.metrics[-1].iteration == 12
        assert out.refused + err.refused >= 1
        for log in (out, err):
            assert log.refuses or (not log.behind and "1" in log.flushed)


def check_a_record_that_cannot_be_written(package, folder):
    """The state of the last iteration is there: the same command writes the record."""
    how, plan = how_in(package, folder), plan_of(package)
    full, write = OSError(errno.ENOSPC, "No space left on device"), os.replace

    def replace(beside, path):
        if path.name == "metrics.csv":
            raise full
        write(beside, path)

    with (
        patch.object(os, "replace", replace),
        pytest.raises(OSError, match=r"cannot write .*metrics.csv: No space left on device; it is"),
    ):
        make(package, plan, how)
    assert list((folder / "runs").iterdir()) == []
    run = make(package, plan, how)
    assert run.record["resumed_at"] == [12] and run.metrics[-1].iteration == 12


def check_one_process_a_run(package, folder):
    """A second one is turned away and changes nothing; after the first, the way is free."""
    how, plan = how_in(package, folder), plan_of(package)
    path = part(package, "plans").state_path(folder, plan)
    path.parent.mkdir(parents=True)
    half = path.with_name(f".{path.name}-half")
    half.write_text("what another process is writing")
    record = part(package, "records").folder_of(folder, f".{plan.name}-half")
    record.mkdir(parents=True)
    (record / "record.json").write_text("half")
    with part(package, "files").only_one(path):
        with pytest.raises(RuntimeError, match="another process is at work on .*tiny-s0"):
            make(package, plan, how)
        assert half.exists() and record.exists()
    assert make(package, plan, how).metrics[-1].iteration == 12
    assert list(path.parent.iterdir()) == [] and not record.exists()


def check_the_best_so_far_is_at_hand(package, folder):
    """While a run is under way its best iterate on validation lies beside the state, for use."""
    how, plan = how_in(package, folder), plan_of(package)
    make(package, plan, how, steps=12)  # two evaluations; the run's last is still to come
    state = part(package, "plans").state_path(folder, plan)
    tensors, kept = part(package, "resume").read_state(state)
    rows = kept["metrics"]
    best = min(rows, key=lambda row: row["validation_error"])
    path = part(package, "plans").best_path(state)
    assert path.exists()
    network, about = part(package, "checkpoint").load_checkpoint(path)
    assert len(rows) >= 2 and about.iteration == best["iteration"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, tensors[f"best.{name}"]), name


def check_a_second_signal_interrupts(package):
    """Unless it comes with the first, as when `timeout` signals a process and then its group."""
    module, now = part(package, "stop"), [10.0]
    clock = patch.object(module.time, "monotonic", lambda: now[0])
    with clock, module.Stop(quiet=True).listening() as stop:
        assert stop.reason == ""
        signal.raise_signal(signal.SIGTERM)
        assert stop.reason == "SIGTERM"
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            pytest.fail("one signal counted as two")
        now[0] += 1.5
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


# Speed


class Pace:
    """Steps of known speed, for `choose`: {speed's name: steps a second, or an error}."""

    def __init__(self, package, rates):
        self.speed, self.rates, self.said, self.made = part(package, "speed"), rates, [], []

    def make_step(self, speed):
        self.made.append(str(speed))
        rate = self.rates[str(speed)]
        if isinstance(rate, Exception):
            raise rate

        def step():
            pass

        step.rate = rate
        return step

    def choose(self, steps, *asked, stop=lambda: False):
        self.said.clear()
        self.made.clear()
        with patch.object(self.speed, "_rate", lambda step, device: step.rate):
            return self.speed.choose(
                self.make_step,
                torch.device("cpu"),
                steps,
                *asked,
                say=self.said.append,
                stop=stop,
            )


def check_the_fastest_is_chosen(package):
    speed = part(package, "speed").Speed
    rates = {"float32": 5.0, "bfloat16": 8.0, "float32 compiled": 6.0, "bfloat16 compiled": 7.0}
    pace = Pace(package, rates)
    assert pace.choose(64_000) == (speed("bfloat16"), rates)
    assert pace.choose(2_900) == (speed("float32"), {}) and pace.made == ["float32"]  # 580 s
    assert pace.choose(3_100)[0] == speed("bfloat16")
    assert pace.choose(64_000, "float32")[0] == speed("float32", True)
    assert pace.choose(64_000, None, True)[0] == speed("bfloat16", True)
    assert pace.choose(64_000, None, False)[0] == speed("bfloat16")
    assert pace.choose(64_000, "float32", False) == (speed("float32"), {})
    assert pace.choose(64_000, "float32", True) == (speed("float32", True), {})


def check_what_does_not_run_is_left_out(package):
    speed = part(package, "speed").Speed
    no_compiler = RuntimeError("no compiler found\nand a long story")
    pace = Pace(
        package,
        {
            "float32": 5.0,
            "bfloat16": 4.0,
            "float32 compiled": no_compiler,
            "bfloat16 compiled": no_compiler,
        },
    )
    chosen, measured = pace.choose(64_000)
    assert chosen == speed("float32") and measured == {"float32": 5.0, "bfloat16": 4.0}
    assert pace.said == [
        f"{name} compiled does not run here and is left out: RuntimeError: no compiler found"
        for name in ("float32", "bfloat16")
    ]
    try:
        chosen = pace.choose(64_000, "bfloat16", True)
    except RuntimeError as error:
        pytest.fail(f"the run ended: {error}")
    assert chosen == (speed("bfloat16"), {})
    assert pace.said[-1] == "going on without compiling"
    no_compiler.__context__ = OSError("g++ is not there\nnor clang++")
    pace.choose(64_000, "bfloat16", True)
    assert "RuntimeError: no compiler found; at first OSError: g++ is not there" in pace.said[0]
    pace.rates["bfloat16"] = ValueError("no such type")
    with pytest.raises(RuntimeError, match="training runs in none of: bfloat16"):
        pace.choose(64_000, "bfloat16", False)


def check_a_stop_ends_the_measuring(package):
    """It is asked for before each option is tried and before each round, and not waited for."""
    names = ["float32", "bfloat16", "float32 compiled", "bfloat16 compiled"]
    plainest = part(package, "speed").Speed()
    pace = Pace(package, dict.fromkeys(names, 5.0) | {"bfloat16": 8.0})
    for asked in range(16):  # four options, and three rounds of the four
        answers = iter([False] * asked + [True])
        chosen = pace.choose(64_000, stop=lambda answers=answers: next(answers))
        assert chosen == (plainest, {}), asked
        assert pace.made == names[:asked], asked
    assert pace.choose(64_000, stop=iter([False] * 16).__next__)[0].precision == "bfloat16"


def check_a_run_stopped_while_it_is_measured(package, folder):
    """Nothing of it is left, or what was there before; the next command makes it as any other."""
    runs, plans = part(package, "runs"), part(package, "plans")
    speed, plan = part(package, "speed").Speed, plan_of(package)
    state = plans.state_path(folder, plan)
    guess = Mock(return_value=(speed("float32", True), {}))
    with patch.object(runs, "choose_speed", guess):
        assert make(package, plan, how_in(package, folder), steps=0) is None
        assert list(state.parent.iterdir()) == [] and not (folder / "runs" / plan.name).exists()
        assert guess.call_args.args[-1].reason == "asked"
        there = lambda step, **_: step  # noqa: E731
        with patch.object(torch, "compile", there):
            make(package, plan, how_in(package, folder, precision="float32"), steps=2)
            before = state.read_bytes()
            guess.return_value = speed(), {}
            assert make(package, plan, how_in(package, folder), steps=0) is None
            assert state.read_bytes() == before, "a guess went into the state"
    assert guess.call_count == 3


def check_measuring_changes_nothing(package):
    """Weights, statistics and dice are as before, so that a measured run equals an asked one."""
    network, dataset = tiny_network(package), few_shapes(package)
    before, dice = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    speed, how = part(package, "speed"), how_in(package, None, compiled=False)
    stop = part(package, "stop").Stop()
    with patch.object(speed, "WORTH_MEASURING", 0), patch.object(speed, "ROUND", 0.001):
        speed, measured = part(package, "runs").choose_speed(
            network, dataset, tiny_recipe(package), 100, how, silent, stop
        )
    assert set(measured) == {"float32", "bfloat16"} and min(measured.values()) > 0
    assert measured[str(speed)] == max(measured.values())
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), dice)
    assert tiny_training(package, network).update.sums.tolist() == [0, 0, 0]
