"""What *Tracing every shape* measures is measured again, in small; its records are whole."""

import pytest
import torch

from resnet_edu import records, resnet20
from resnet_edu.study import misplaced, receptive
from resnet_edu.trace import trace


@pytest.mark.parametrize("fault", misplaced.FAULTS)
def test_every_misplaced_network_takes_the_weights_of_a_right_one(fault):
    network = misplaced.misplaced(fault)
    weights = resnet20().state_dict()
    assert list(network.state_dict()) == list(weights)
    network.load_state_dict(weights, strict=True)
    assert trace(network)[""].output_shape == (10,)


def test_the_suspect_differs_inside_one_block_only():
    pairs = zip(trace(resnet20()), trace(misplaced.suspect()), strict=True)
    differ = [a.name for a, b in pairs if a.output_shape != b.output_shape]
    assert differ == [f"stage3.0.residual.{i}" for i in range(3)]


def test_each_fault_changes_what_is_computed():
    torch.manual_seed(0)
    right, x = resnet20().eval(), torch.randn(2, 3, 32, 32)
    for fault in misplaced.FAULTS:
        network = misplaced.misplaced(fault).eval()
        network.load_state_dict(right.state_dict())
        with torch.no_grad():
            same = torch.equal(network(x), right(x))
        assert same == (fault == "nothing misplaced"), fault


def test_the_record_of_misplaced_networks_is_whole():
    rows = records.read_measurement("misplaced")
    assert [(row["run"], row["fault"]) for row in rows] == [
        (run, fault) for run in misplaced.RUNS for fault in misplaced.FAULTS
    ]
    for run in misplaced.RUNS:
        right = next(row for row in rows if row["run"] == run)
        quoted = records.read_run(records.ROOT / "runs" / run).test_error
        # Of a fifth of the pictures, where there are more than are looked at.
        assert 100 * right["wrong"] / right["pictures"] == pytest.approx(quoted, abs=2)


def test_influence_is_a_share_and_stays_in_the_receptive_field():
    torch.manual_seed(0)
    pictures = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    network = receptive.settle(resnet20().double(), pictures)
    shares = receptive.influence(network, pictures, 1)
    assert shares.sum().item() == pytest.approx(1)
    assert shares[9:24, 9:24].sum().item() == pytest.approx(1)  # 15 pixels about the middle
    assert not shares[8].any() and not shares[24].any()
    assert not any(module.training for module in network.modules())


def test_sizes_of_an_influence():
    even = torch.full((9, 9), 1 / 81, dtype=torch.float64)
    assert receptive.pixels_that_count(even) == pytest.approx(81)
    assert receptive.side_holding(even, 0.3) == 5
    assert receptive.above(even) == 81
    point = torch.zeros(9, 9, dtype=torch.float64)
    point[4, 4] = 1
    assert receptive.pixels_that_count(point) == receptive.side_holding(point, 0.9) == 1


def test_the_record_of_influence_is_what_the_code_measures():
    rows = records.read_measurement("receptive")
    of = ("network", "dataset", "recipe", "seed")
    trained = {records.run_name(*(row[key] for key in of)) for row in rows if row["recipe"]}
    assert trained == set(receptive.RUNS)
    kinds = {(row["network"], row["dataset"]) for row in rows}
    assert len(rows) == 3 * (len(trained) + len(kinds) * len(receptive.SEEDS))
    assert all(0 < row["pixels"] <= 1024 and row["half"] <= row["most"] for row in rows)
