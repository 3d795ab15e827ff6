"""The bare loop of *The recipe* is the library's, and what it quotes is what the code measures."""

from dataclasses import replace

import pytest
import torch

from resnet_edu import data, records
from resnet_edu.recipes import learning_rate
from resnet_edu.study import recipe
from resnet_edu.train import WARM_UP_LOOK, Training

TINY = replace(recipe.STEPS, iterations=10, milestones=(4, 7), batch=16, augment=True, lr=0.05)


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_bare_loop_trains_as_the_library_does(few_shapes, nesterov):
    tiny = replace(TINY, nesterov=nesterov)
    learn, _ = few_shapes.split(0)
    ours = recipe.Run(recipe.small_network(3), learn, few_shapes.mean, few_shapes.std, tiny, 7)
    theirs = Training(recipe.small_network(3), few_shapes, tiny, 7)
    losses = [ours.step() for _ in range(tiny.iterations)]
    for _ in range(tiny.iterations):
        theirs.step()
    assert sum(losses) == pytest.approx(theirs.update.sums[0].item())
    mine, other = ours.network.state_dict(), theirs.network.state_dict()
    assert all(torch.allclose(mine[name], other[name]) for name in other)
    assert torch.equal(ours.batches.order, theirs.batches.order)


def test_the_warm_up_ends_at_the_first_look_below_and_for_good(few_shapes):
    learn, _ = few_shapes.split(0)
    warm = replace(TINY, warm_up_below=80)
    run = recipe.Run(recipe.small_network(), learn, few_shapes.mean, few_shapes.std, warm)
    bare, enough = 13, 12  # of 16 wrong: above 80 per cent, and below
    for _ in range(WARM_UP_LOOK):
        run.look(bare)
    assert run.warming_up and run.wrong == []
    for _ in range(WARM_UP_LOOK - 1):
        run.look(enough)
    assert run.warming_up
    run.look(enough)
    assert not run.warming_up
    run.iteration = 5
    run.step()
    assert run.wrong == []  # nobody looks any more
    assert run.optimiser.param_groups[0]["lr"] == pytest.approx(0.005)


def test_a_warm_up_that_never_ends_is_a_tenth_of_the_rate():
    right, late, never = (
        recipe.with_warm_up(kind) for kind in (recipe.NONE, recipe.UNTIL, recipe.FOR_EVER)
    )
    assert late.warm_up_below == 80 and right.warm_up_below is never.warm_up_below is None
    for i in (0, 400, 799):
        assert learning_rate(never, i) == pytest.approx(learning_rate(right, i) / 10)


def test_the_record_is_whole():
    rows = records.read_measurement("recipe")
    warm = [row for row in rows if row["what"] == "warm-up"]
    crops = [row for row in rows if row["what"] == "augmentation"]
    assert len(warm) == 2 * 3 * len(recipe.SEEDS) and len(crops) == 2 * 2 * len(recipe.SEEDS)
    assert len(warm) + len(crops) == len(rows)
    for row in warm:
        assert len(row["wrong"]) == recipe.STEPS.iterations
        if row["kind"] == recipe.UNTIL:
            look = row["wrong"][row["ended"] - WARM_UP_LOOK : row["ended"]]
            assert sum(look) < 0.8 * WARM_UP_LOOK * recipe.STEPS.batch
        else:
            assert row["ended"] is None


def test_the_record_is_what_the_code_measures():
    """The first batches of one of its runs, in single precision as it was made."""
    torch.set_default_dtype(torch.float32)
    row = next(
        row
        for row in records.read_measurement("recipe")
        if (row.get("kind"), row.get("lr"), row["seed"]) == (recipe.FOR_EVER, 0.1, 1)
    )
    tenth = recipe.with_warm_up(recipe.FOR_EVER, replace(recipe.STEPS, lr=0.1))
    first = replace(tenth, iterations=5, milestones=(), evaluate_every=5)
    _, wrong = recipe.train(data.load("shapes"), first, seed=1)
    assert len(wrong) == 5
    assert wrong[0] == row["wrong"][0]  # later ones may differ on another machine
    assert all(abs(a - b) <= 6 for a, b in zip(wrong, row["wrong"], strict=False))
