"""What *Gradient flow* measures is measured again, in small; its records are whole."""

from unittest.mock import patch

import pytest
import torch
from checks import flow as checks

import resnet_edu
from resnet_edu import records
from resnet_edu.recipes import PAPER
from resnet_edu.study import flow, paths, shattering

CHECKS = [check for name, check in vars(checks).items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_flow(check):
    check(resnet_edu)


SHORT = ("--iterations", "1", "--data", "shapes")


def test_the_command_trains_and_leaves_a_record_a_network(few_shapes, tmp_path):
    left = []

    def write(name, command, rows):
        left.append((name, command))
        records.write_measurement(name, command, rows, tmp_path)

    with patch.multiple(flow, write_measurement=write, PICTURES=4, FEW=2):
        flow.main(["training", "--networks", "plain20", "--seeds", "5", *SHORT])
    (name, command), *rest = left
    assert name == "flow-training-plain20" and not rest
    assert command.endswith(
        "flow training --networks plain20 --seeds 5 --iterations 1 --recipe paper --data shapes"
    )
    rows = records.read_measurement(name, tmp_path)
    assert [(row["seed"], row["iteration"]) for row in rows] == [(5, 0), (5, 1)]
    with patch.multiple(flow, PICTURES=4, FEW=2):
        again = flow.training("plain20", 5, PAPER, 1, few_shapes)
    assert again == rows


def assert_whole(row, depth):
    """A number for every layer and every sum."""
    assert {len(values) for values in row["layers"].values()} == {depth}
    assert {len(values) for values in row["sums"].values()} == {(depth - 2) // 2}


def assert_alike(row, other, **tolerances):
    """The readings of two rows, number by number."""
    for part in ("layers", "sums"):
        for name, values in row[part].items():
            assert values == pytest.approx(other[part][name], **tolerances), name


def test_the_record_of_fresh_networks_is_whole():
    rows = records.read_measurement("flow-initial")
    found = [(row["network"], row["batch_norm"], row["seed"]) for row in rows]
    assert sorted(found) == sorted(
        (f"{kind}{depth}", batch_norm, seed)
        for kind in ("plain", "resnet")
        for depth in flow.DEPTHS
        for batch_norm in (True, False)
        for seed in flow.SEEDS
    )
    for row in rows:
        depth = int(row["network"].removeprefix("plain").removeprefix("resnet"))
        assert_whole(row, depth)
        assert all(value > 0 for value in row["sums"]["gradient"] + row["sums"]["spread"])


def test_fresh_networks_are_what_the_record_has(cifar10):
    rows = records.read_measurement("flow-initial")
    pictures, labels = flow.few(cifar10, flow.PICTURES)
    for row in rows:
        if (row["network"], row["seed"]) in (("plain20", 1), ("resnet20", 1)):
            torch.manual_seed(1)
            network = resnet_edu.resnet.by_name(row["network"])
            network = network if row["batch_norm"] else flow.without_batch_norm(network)
            again = flow.row_of(flow.observe(network, pictures, labels))
            assert_alike(again, row, rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("name", flow.NETWORKS)
def test_the_records_of_training_are_whole(name):
    rows = records.read_measurement(f"flow-training-{name}")
    for seed in {row["seed"] for row in rows}:
        of_seed = [row for row in rows if row["seed"] == seed]
        last = of_seed[-1]["iteration"]
        looks = [look for look in flow.LOOKS if look < last] + [last]
        assert [row["iteration"] for row in of_seed] == looks and last >= 60
        assert {(row["network"], row["dataset"], row["recipe"]) for row in of_seed} == {
            (name, "cifar10", "paper")
        }
        assert of_seed[0]["turned"] == [1.0] * int(name[-2:])


def test_the_record_of_finished_runs_is_whole():
    rows = records.read_measurement("flow-trained")
    assert [(row["run"], row["iteration"]) for row in rows] == [
        (run, iteration) for run in flow.RUNS for iteration in (0, 8000)
    ]
    for drawn, ended in zip(rows[::2], rows[1::2], strict=True):
        depth = int(drawn["network"][-2:])
        assert drawn["turned"] == [1.0] * depth
        assert len(ended["turned"]) == depth and max(ended["turned"]) < 0.99
        for row in (drawn, ended):
            assert_whole(row, depth)


def test_a_finished_run_begins_as_the_same_seed_does_in_training():
    drawn = {row["network"]: row for row in records.read_measurement("flow-trained")[::2]}
    for name in ("plain20", "resnet20"):
        start = records.read_measurement(f"flow-training-{name}")[0]
        assert (start["seed"], start["iteration"]) == (0, 0)
        assert_alike(start, drawn[name], rel=2e-2, abs=1e-3)


def test_finished_runs_are_what_the_record_has(cifar10):
    with patch.multiple(flow, RUNS=flow.RUNS[:1]):
        again = flow.trained(cifar10)
    for row, recorded in zip(again, records.read_measurement("flow-trained")[:2], strict=True):
        assert_alike(row, recorded, rel=5e-2, abs=2e-3)


def test_the_record_of_cosines_is_whole():
    rows = records.read_measurement("flow-cosines")
    assert [(row["network"], row["seed"], row["mode"]) for row in rows] == [
        (network, seed, mode)
        for network in shattering.NETWORKS
        for seed in shattering.SEEDS
        for mode in shattering.MODES
    ]
    for row in rows:
        *before, last = row["cosines"]
        assert last >= shattering.ALIKE > max(before)
        assert 0 < shattering.reach(range(len(row["cosines"])), row["cosines"]) < 1


def test_the_record_of_paths_is_whole():
    rows = records.read_measurement("flow-paths")
    fresh = [(row["network"], row["seed"]) for row in rows if row["run"] is None]
    assert fresh == [(name, seed) for name in paths.FRESH for seed in paths.SEEDS]
    trained = [(row["run"], row["mode"]) for row in rows if row["run"]]
    assert trained == [(run, mode) for run in paths.RUNS for mode in ("training", "evaluation")]
    for row in rows:
        assert sum(row["shares"]) == pytest.approx(1, abs=1e-3)
        assert len(row["shares"]) == len(row["squares"])
        assert len(row["shares"]) == (int(row["network"].removeprefix("resnet")) - 2) // 2 + 1
