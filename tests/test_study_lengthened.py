"""Longer weights, the same answers: what *Gradient flow* begins plain 56 with."""

import copy
import itertools
import math
from unittest.mock import patch

import pytest
import torch
from checks.running import how_in, make, plan_of

import resnet_edu
from resnet_edu import data, records
from resnet_edu.data import shapes
from resnet_edu.study import flow, lengthened


def test_longer_weights_give_the_same_answers_and_a_smaller_gradient():
    torch.manual_seed(0)
    network = resnet_edu.resnet.by_name("plain56").double()
    pictures, labels = torch.randn(8, 3, 32, 32).double(), torch.arange(8)
    longer = copy.deepcopy(network)
    count = lengthened.lengthen(longer, pictures, labels, 0.2, 0.2)
    with torch.no_grad():
        torch.testing.assert_close(longer(pictures), network(pictures), rtol=0.05, atol=0.05)
    before, after = (flow.observe(n, pictures, labels) for n in (network, longer))
    convolutions = [r for r in before if r.kind == "Conv2d"]
    assert max(r.relative for r in convolutions) > 10
    assert max(r.relative for r in after if r.kind == "Conv2d") < 0.25
    for one, other in zip(before, after, strict=True):
        if one.kind != "sum" and (one.kind == "Linear" or one.relative <= 0.2):
            assert other.weight == one.weight
    assert count == sum(r.relative > 0.2 for r in convolutions)


def test_only_the_layers_between_the_bounds_are_lengthened():
    torch.manual_seed(0)
    network = resnet_edu.resnet.by_name("plain56").double()
    pictures, labels = torch.randn(8, 3, 32, 32).double(), torch.arange(8)
    before = [r for r in flow.observe(network, pictures, labels) if r.kind == "Conv2d"]
    counts = []
    for above, below in ((10, math.inf), (0.2, 10)):
        longer = copy.deepcopy(network)
        counts.append(lengthened.lengthen(longer, pictures, labels, 0.2, above, below))
        for reading in before:
            same = torch.equal(*(n.get_submodule(reading.name).weight for n in (longer, network)))
            assert same != (above < reading.relative <= below)
    assert min(counts) > 5 and sum(counts) == sum(r.relative > 0.2 for r in before)


def test_it_learns_as_the_run_did_where_nothing_is_lengthened(tmp_path):
    """With a limit that no layer passes it is the run itself, look by look."""
    plan = plan_of(resnet_edu, iterations=4, evaluate_every=2)
    run = make(resnet_edu, plan, how_in(resnet_edu, tmp_path))
    with (
        patch.multiple(shapes, TRAIN=200, TEST=100),
        patch.multiple(lengthened, LOOKS=(1, 2, 4), PICTURES=8),
        patch.object(lengthened, "lengthen", lambda *_, **__: 0),
    ):
        rows = list(lengthened.learn(run, data.load("shapes"), "all"))
    assert [row["iteration"] for row in rows] == [1, 2, 4]
    assert rows[0]["error"] is None
    for row, look in zip(rows[1:], run.metrics, strict=True):
        assert row["error"] == pytest.approx(look.train_error, rel=1e-3)
        assert row["validation"] == pytest.approx(look.validation_error)
    assert min(rows[-1]["turned"]) < 1


def test_the_record_is_whole():
    rows = records.read_measurement("lengthened")
    looked = [(row["lengthened"], row["iteration"]) for row in rows]
    assert looked == list(itertools.product(lengthened.GROUPS, lengthened.LOOKS))
    assert all(len(row["turned"]) == 56 for row in rows)
    assert [row["error"] is None for row in rows] == ([True] * 3 + [False] * 4) * 3
    layers = {row["lengthened"]: row["layers"] for row in rows}
    assert layers["all"] == layers["overwritten"] + layers["others"]
