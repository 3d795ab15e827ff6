"""Precision, warm-up, states to resume from, and the choice of speed."""

import gc
import shutil

import pytest
import torch
from checks import running as checks
from checks.training import tiny_network, tiny_recipe
from torch.testing import assert_close

import resnet_edu
from resnet_edu.resume import save_state
from resnet_edu.speed import Speed
from resnet_edu.train import Training


@pytest.mark.parametrize(
    "check",
    [
        checks.check_convolutions_run_in_the_precision,
        checks.check_float16_scales_its_loss,
        checks.check_steps_wait_for_nothing,
        checks.check_warm_up,
        checks.check_warm_up_across_an_evaluation,
        checks.check_what_does_not_compute_is_no_move,
        checks.check_a_second_signal_interrupts,
        checks.check_the_fastest_is_chosen,
        checks.check_what_does_not_run_is_left_out,
        checks.check_a_stop_ends_the_measuring,
        checks.check_measuring_changes_nothing,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_running(check):
    check(resnet_edu)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_resume_to_the_bit,
        checks.check_a_state_before_an_evaluation,
        checks.check_the_last_good_state_stays,
        checks.check_states_that_do_not_fit,
        checks.check_a_state_of_another_run,
        checks.check_a_run_that_moves,
        checks.check_a_compiled_run_without_a_compiler,
        checks.check_what_was_measured_is_recorded,
        checks.check_a_sweep_measures_its_largest,
        checks.check_a_sweep_takes_the_precision_of_its_like,
        checks.check_progress,
        checks.check_a_run_stopped_while_it_is_measured,
        checks.check_a_full_disk_ends_no_run,
        checks.check_a_full_log_ends_no_run,
        checks.check_a_record_that_cannot_be_written,
        checks.check_one_process_a_run,
        checks.check_the_best_so_far_is_at_hand,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_states(check, tmp_path):
    check(resnet_edu, tmp_path)


def test_two_threads_resume_to_the_bit(tmp_path):
    """Sums are shared out in the same way each time."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        checks.check_resume_to_the_bit(resnet_edu, tmp_path)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")), reason="there is no C++ compiler"
)
def test_a_compiled_step_is_the_same_step(few_shapes):
    ends = []
    for compiled in (False, True):
        training = Training(
            tiny_network(resnet_edu),
            few_shapes,
            tiny_recipe(resnet_edu),
            speed=Speed(compiled=compiled),
        )
        training.step()
        ends.append({**training.network.state_dict(), "sums": training.update.sums})
    for name, value in ends[0].items():
        assert_close(ends[1][name], value, rtol=1e-2, atol=2e-3, msg=name)


on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@on_a_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_captured_step_is_the_same_step(few_shapes, precision):
    """CUDA graph against eager updates: weights, statistics, dice and learning rates."""
    ends = []
    for captured in (False, True):
        training = Training(
            tiny_network(resnet_edu),
            few_shapes,
            tiny_recipe(resnet_edu),
            device="cuda",
            speed=Speed(precision),
        )
        if not captured:
            training.update._run = training.update._eager
        training.step()
        training.step()
        ends.append(training.update.tensors() | {"dice": training.generator.get_state()})
    for name, value in ends[0].items():
        if value.is_floating_point():
            assert_close(ends[1][name], value, rtol=1e-2, atol=1e-3, msg=name)
        else:
            assert torch.equal(ends[1][name], value), name


@on_a_gpu
def test_a_run_on_a_gpu_resumes_to_the_bit(tmp_path):
    checks.check_resume_to_the_bit(resnet_edu, tmp_path, "cuda")


@on_a_gpu
def test_an_old_graph_does_not_spoil_a_new_one(few_shapes):
    """Python would clear up in the middle of a capture if it were let."""

    def training():
        return Training(
            tiny_network(resnet_edu), few_shapes, tiny_recipe(resnet_edu), device="cuda"
        )

    training()  # of which a graph is left, in a circle
    old = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        new = training()
        new.step()
        torch.cuda.synchronize()
    finally:
        gc.set_threshold(*old)
    assert new.check()[0] > 0


def test_a_state_of_resnet20_is_under_4_mb(few_shapes, tmp_path):
    """With an epoch of CIFAR-10 ahead and a best evaluation behind it: small enough to commit."""
    training = Training(resnet_edu.resnet20(), few_shapes, tiny_recipe(resnet_edu))
    training.step()
    training.evaluate()
    training.batches.order = torch.randperm(45_000)
    save_state(tmp_path / "state.safetensors", training, {})
    assert (tmp_path / "state.safetensors").stat().st_size < 4_000_000
