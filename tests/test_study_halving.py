"""What *Stage two, halving* measures is measured again, in small; its records are whole."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import records, resnet20
from resnet_edu.blocks import BasicBlock, conv3x3
from resnet_edu.study import halving, leaning
from resnet_edu.trace import trace


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


EVERY = halving.CHANGES | {str(off): change for off, change in halving.MOVES.items()}


@pytest.mark.parametrize("name", EVERY)
def test_a_change_can_be_seen_in_no_number_but_the_answers(name):
    torch.manual_seed(0)
    right, x = resnet20().eval(), torch.randn(2, 3, 32, 32)
    other = halving.changed(right, EVERY[name])
    pairs = list(zip(trace(right), trace(other), strict=True))
    assert all(a.output_shape == b.output_shape for a, b in pairs)
    assert all(a.multiply_adds == b.multiply_adds for a, b in pairs)
    other.load_state_dict(right.state_dict(), strict=True)
    with torch.no_grad():
        same = torch.allclose(other(x), right(x))
    assert same == (name == "nothing")


def test_a_change_leaves_the_network_it_was_made_from_alone():
    network = resnet20()
    before = [type(module) for module in network.modules()]
    halving.changed(network, halving.both_same)
    assert [type(module) for module in network.modules()] == before


def test_padded_right_and_below_the_windows_stand_one_pixel_on():
    convolution, x = conv3x3(3, 5, stride=2), torch.randn(2, 3, 8, 8)
    every = F.conv2d(x, convolution.weight, padding=1)  # a window over every pixel
    assert torch.allclose(convolution(x), every[:, :, ::2, ::2])
    assert torch.allclose(halving.ConvSame(convolution)(x), every[:, :, 1::2, 1::2])


def test_shortcuts_look_where_they_say():
    x = torch.randn(2, 4, 8, 8)
    block = BasicBlock(4, 8, 2)
    mine = halving.Halved(halving.every_second, 4)
    assert torch.equal(mine(x), block.shortcut(x))
    assert torch.equal(halving.every_second(x, 1), halving.from_pixel_1(x))
    after = halving.Halved(halving.every_second, 4, before=0)(x)
    assert torch.equal(after[:, :4], x[:, :, ::2, ::2]) and not after[:, 4:].any()


def test_a_kernel_leans_to_where_its_weight_is():
    convolution = conv3x3(2, 3)
    nn.init.ones_(convolution.weight)
    assert halving.lean(convolution) == (0, 0)
    nn.init.zeros_(convolution.weight)
    with torch.no_grad():
        convolution.weight[:, :, 0, 2] = -1  # above, on the right
    assert halving.lean(convolution) == (1, -1)


def test_signals_add_up():
    torch.manual_seed(0)
    block, x = BasicBlock(4, 8, 2).eval(), torch.randn(5, 4, 8, 8).relu()
    found = halving.signals(block, x)
    assert found["new"]["shortcut"] == 0 and found["old"]["shortcut"] > 0
    with torch.no_grad():
        y = block(x)
    cut = (found["old"]["cut"] + found["new"]["cut"]) / 2
    assert (y == 0).double().mean().item() == pytest.approx(cut)


def test_the_record_of_halvings_is_whole():
    rows = records.read_measurement("halving")
    changes = [*halving.CHANGES, *(f"{off} pixels off" for off in halving.OFF)]
    for run in halving.RUNS:
        mine = [row for row in rows if row["run"] == run]
        wrong = [row for row in mine if row["what"] == "wrong"]
        assert [row["change"] for row in wrong] == changes
        # Of a fifth of the pictures, where there are more than are looked at.
        quoted = records.read_run(records.ROOT / "runs" / run).test_error
        assert 100 * wrong[0]["wrong"] / wrong[0]["pictures"] == pytest.approx(quoted, abs=2)
        assert sum(row["what"] == "signals" for row in mine) == 4
        kernels = [row["kernel"] for row in mine if row["what"] == "lean"]
        assert kernels == list(halving.kernels(resnet20()))
    network, _ = halving.load_checkpoint(
        records.ROOT / "runs" / halving.RUNS[0] / "last.safetensors"
    )
    assert halving._leans(halving.RUNS[0], network) == [
        row for row in rows if row["what"] == "lean" and row["run"] == halving.RUNS[0]
    ]


def test_the_record_of_leaning_is_whole():
    rows = records.read_measurement("leaning")
    kernels = list(halving.kernels(leaning.make(False, 0)))
    assert [(row["grid"], row["seed"], row["kernel"]) for row in rows] == [
        (grid, seed, kernel)
        for grid in leaning.GRIDS
        for seed in leaning.SEEDS
        for kernel in kernels
    ]
    assert leaning.RECIPE.batch * leaning.RECIPE.iterations == pytest.approx(6 * 45_000, rel=1e-3)


def test_grids_lie_where_they_are_said_to():
    """The middle of the columns that stages two and three stand over, less that of the picture."""
    for grid, sign in {"upper left": -1, "middle": 0, "lower right": 1}.items():
        side, moved = leaning.GRIDS[grid]
        columns, network = (
            torch.arange(float(side)).expand(1, 1, side, side),
            leaning.make(moved, 0),
        )
        for stage in network.stages[1:]:
            shortcut, channels = stage[0].shortcut, stage[0].residual[0].in_channels
            every = shortcut(columns.expand(1, channels, *columns.shape[2:]))
            columns = every[:, shortcut.before : shortcut.before + 1]
            beside = columns.mean().item() - (side - 1) / 2
            assert (beside > 0) - (beside < 0) == sign
