"""The rungs train alike, the stopwatch is fair, the records are whole. Nothing is timed."""

import sys
from dataclasses import replace

import pytest
import torch

from resnet_edu import records
from resnet_edu.data import augment, normalise
from resnet_edu.resnet import resnet20
from resnet_edu.speed import keep_memory
from resnet_edu.study import rounding, rungs
from resnet_edu.study.recipe import STEPS


class Watch:
    """A clock that only its own steps move on."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def step(self, name, cost):
        def call():
            self.calls.append(name)
            self.now += cost + (1000 if self.calls.count(name) == 1 else 0)

        return call


def test_the_stopwatch_takes_turns_and_forgets_the_first_call():
    watch = Watch()
    steps = {"a": watch.step("a", 3), "b": watch.step("b", 2), "c": watch.step("c", 5)}
    seconds = rungs.in_turn(steps, 4, lambda: watch.now)
    assert seconds == {"a": [3] * 4, "b": [2] * 4, "c": [5] * 4}
    assert watch.calls == list("aabbccccbbaa") * 2


def test_the_stopwatch_waits_before_and_after():
    told = []
    rungs.in_turn(
        {"a": lambda: told.append("a")},
        2,
        lambda: told.append("clock") or 0.0,
        lambda: told.append("wait"),
    )
    assert told == ["a", "wait", "clock", "a", "wait", "clock"] * 2


def test_ratios_are_of_pairs():
    assert rungs.times_as_fast([2, 6, 9], [1, 2, 1]) == (3, 2, 9)
    assert rungs.times_as_fast([2, 4], [1, 1]) == (3, 2, 4)


@pytest.fixture
def steps(few_shapes):
    return {rung.name: rungs.Step(rung, few_shapes, batch=8) for rung in rungs.LADDER}


def flat(network):
    return torch.cat([w.detach().flatten() for w in network.parameters()])


def test_all_rungs_make_the_same_update(steps):
    images, labels = steps["whole batches"].fetch()
    moves = {}
    for name, step in steps.items():
        start = flat(step.network)
        step.learn(images, labels)
        moves[name] = flat(step.network) - start
    truth = moves["one by one"]
    assert truth.norm() > 0
    for name, move in moves.items():
        off = (move - truth).norm() / truth.norm()
        assert off < (0.5 if name == "bfloat16" else 0.01), name
    assert not torch.equal(moves["bfloat16"], moves["memory kept"])


def test_every_rung_differs_from_the_one_below_in_one_thing():
    for lower, upper in zip(rungs.LADDER, rungs.LADDER[1:], strict=False):
        below, above = vars(lower), vars(upper)
        assert len([key for key in below if below[key] != above[key]]) == 2  # the name is one


def test_pictures_come_alike_by_both_ways(few_shapes):
    """Every view that PIL makes of a picture is one of the batch's 162, to the bit of a float."""
    one = rungs.OneByOne(few_shapes.train, few_shapes.mean, few_shapes.std)
    torch.manual_seed(0)
    image, label = one[3]
    assert label == few_shapes.train.labels[3]
    many = few_shapes.train[torch.full((3000,), 3)].images
    views = normalise(augment(many), few_shapes.mean, few_shapes.std)
    assert (views - image).abs().amax(dim=(1, 2, 3)).min() < 1e-5


def test_a_step_leaves_the_random_numbers_alone_and_draws_the_same_weights(few_shapes):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    a = rungs.Step(rungs.LADDER[1], few_shapes, batch=4)
    assert torch.equal(torch.rand(1), expected)
    b = rungs.Step(rungs.LADDER[3], few_shapes, batch=4)
    pairs = zip(a.network.parameters(), b.network.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert b.network.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert a.network.stem[0].weight.is_contiguous()


def test_operations_are_counted_by_kind():
    network, x = resnet20(), torch.zeros(2, 3, 8, 8)
    with rungs.Clocked() as forward, torch.no_grad():
        network(x)
    with rungs.Clocked() as both:
        network(x).sum().backward()
    assert set(forward.seconds) == {"convolution", "batch norm", "ReLU", "addition", "the rest"}
    assert both.calls > 2 * forward.calls > 100
    assert all(seconds >= 0 for seconds in both.seconds.values())


@pytest.mark.skipif(sys.platform != "linux", reason="the settings are glibc's")
def test_memory_can_be_kept_and_handed_back():
    assert rungs.hand_back_memory() == keep_memory()
    assert rungs.page_faults() > 0


# Rounding


def test_rounding_by_dice_is_right_on_average():
    x = torch.tensor([1.001, -0.3, 7e-4, 0.5])
    dice = torch.Generator().manual_seed(0)
    many = torch.stack([rounding.by_dice(x, dice) for _ in range(20_000)])
    assert torch.equal(many, rounding.nearest(many))  # bfloat16's numbers all
    assert torch.allclose(many.mean(0), x, rtol=3e-4)
    assert (many[:, 3] == 0.5).all() and len(many[:, 0].unique()) == 2


@pytest.mark.parametrize("way", rounding.WAYS)
def test_what_is_rounded_stays_in_bfloat16(few_shapes, way):
    tiny = replace(STEPS, iterations=3, milestones=())
    run, losses = rounding.train(few_shapes, way, 0, tiny)
    assert len(losses) == 3
    weights = list(run.network.parameters())
    velocities = [run.optimiser.state[w]["momentum_buffer"] for w in weights]

    def short(tensors):
        return all(torch.equal(t, rounding.nearest(t)) for t in tensors)

    assert short(weights) == (way in ("nearest", "by dice"))
    assert short(velocities) == (way == "velocities nearest")


# The records


def rows(part):
    return records.read_measurement(f"faster-{part}")


def test_the_ladders_record_is_whole():
    for part, names in (
        ("ladder", [rungs.LOADED.name, *(rung.name for rung in rungs.LADDER)]),
        ("compile", [rungs.LADDER[-1].name, rungs.COMPILED.name]),
    ):
        timed = [row for row in rows(part) if "round" in row]
        assert [row["rung"] for row in rows(part) if "first" in row] == names
        for name in names:
            assert [row["round"] for row in timed if row["rung"] == name] == list(range(9))
        assert all(row["seconds"] > 0 and row["faults"] >= 0 for row in timed)


@pytest.mark.parametrize("which", ["float32", "bfloat16"])
def test_the_threads_record_is_whole(which):
    found = rows(f"threads-{which}")
    crowded = "side by side, two threads each"
    ways = {row["way"] for row in found}
    assert crowded in ways and len(ways) == 5
    for way in ways:
        rounds = [row["round"] for row in found if row["way"] == way]
        assert rounds == list(range(3 if way == crowded else 5))


def test_the_record_of_many_threads_is_whole():
    found = {(row["threads"], row["round"]) for row in rows("threads-four")}
    assert found == {(threads, i) for threads in (1, 2, 4) for i in range(5)}


def test_the_roundings_record_is_whole():
    found = records.read_measurement("rounding")
    assert {(row["way"], row["seed"]) for row in found} == {
        (way, seed) for way in rounding.WAYS for seed in rounding.SEEDS
    }
    assert all(len(row["losses"]) == rounding.RECIPE.iterations // 20 for row in found)
