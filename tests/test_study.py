"""What the book measures about networks is measured again, in small; its record is whole."""

import json

import pytest
import torch

from resnet_edu import blocks, records
from resnet_edu.study import copying


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_a_stack_is_its_blocks_in_a_row():
    branches = copying.make_branches(3, channels=4, scale=0.5, seed=7)
    x = torch.randn(5, 4, 6, 6).relu()
    for shortcut, kind in ((copying.RESIDUAL, "A"), (copying.PLAIN, "none")):
        y = x
        for branch in branches:
            block = blocks.BasicBlock(4, 4, 1, kind)
            block.residual.load_state_dict(branch.state_dict())
            y = block(y)
        assert torch.equal(copying.forward(branches, x, shortcut), y)
    assert all((branch[4].weight == 0.5).all() for branch in branches)


def test_the_error_is_0_for_a_copy_and_1_for_the_mean():
    x = torch.randn(16, 4, 6, 6).relu()
    silent = copying.make_branches(2, channels=4, scale=0)
    assert copying.copying_error(silent, x, copying.RESIDUAL) == 0
    for branch in silent:
        torch.nn.init.constant_(branch[4].bias, x.mean().item())
    error = copying.copying_error(silent, x, copying.PLAIN)
    assert error.item() == pytest.approx(1, rel=1e-3)


def test_a_race_goes_down_and_is_the_same_twice():
    first, second = (copying.race(copying.make_branches(1), 1, steps=30) for _ in range(2))
    assert first == second and first[-1] < 0.3 * first[0]


def test_the_record_is_what_the_code_measures():
    rows = records.read_measurement("copying")
    assert len(rows) == 3 * 5 * 8 + 5 * 2 + 3 * 2
    row = next(
        row
        for row in rows
        if (row["depth"], row["shortcut"], row["lr"], row["seed"]) == (1, 1, 0.01, 3)
    )
    branches = copying.make_branches(1, seed=3)
    assert copying.race(branches, 1, lr=0.01)[-1] == pytest.approx(row["error"], rel=1e-3)


def test_a_measurement_is_written_and_read(tmp_path):
    rows = [{"depth": 1, "error": 0.25}, {"depth": 2, "error": 1e-8}]
    path = records.write_measurement("name", "the command", rows, tmp_path)
    assert records.read_measurement("name", tmp_path) == rows
    assert json.loads(path.read_text())["command"] == "the command"
    with pytest.raises(FileNotFoundError, match="no measurement at .*other.json"):
        records.read_measurement("other", tmp_path)
