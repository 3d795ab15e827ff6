"""Recipes, the training loop and evaluation."""

import pytest
import torch
from checks import training as checks

import resnet_edu
from resnet_edu import data, recipes
from resnet_edu.evaluate import evaluate
from resnet_edu.train import Training


@pytest.mark.parametrize(
    "check",
    [
        checks.check_paper_schedule,
        checks.check_one_cycle,
        checks.check_recipes_that_make_no_training,
        checks.check_every_picture_once_an_epoch,
        checks.check_step_is_sgd_by_hand,
        checks.check_trains_on_augmented_training_pictures,
        checks.check_the_seed_decides,
        checks.check_evaluations,
        checks.check_a_loss_that_is_no_number,
        checks.check_evaluate_equals_a_loop_by_hand,
        checks.check_batches_of_an_evaluation_do_not_matter,
        checks.check_changed_recipe,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_training(check):
    check(resnet_edu)


def test_an_evaluation_needs_a_step(few_shapes):
    training = Training(resnet_edu.resnet20(), few_shapes, recipes.by_name("sprint"))
    with pytest.raises(RuntimeError, match="no step was taken since the evaluation at 0"):
        training.evaluate()


def test_a_frozen_module_stays_frozen(few_shapes):
    network = resnet_edu.resnet20().train()
    network.stage1.eval()
    evaluate(network, few_shapes.test, few_shapes.mean, few_shapes.std)
    assert network.training and not network.stage1.training


def test_training_in_float64(few_shapes):
    """As in a chapter, where float64 is the default."""
    torch.set_default_dtype(torch.float64)
    try:
        training = Training(resnet_edu.resnet20(), few_shapes, recipes.by_name("sprint"))
        training.step()
        assert training.evaluate().iteration == 1
    finally:
        torch.set_default_dtype(torch.float32)


def test_resnet20_learns_shapes():
    """The one slow test: over 95 % of the test pictures within 20,000 pictures seen."""
    sprint = recipes.by_name("sprint")
    assert sprint.iterations * sprint.batch <= 20_000
    shapes = data.load("shapes")
    training = Training(resnet_edu.resnet20(), shapes, sprint)
    training.run(on_evaluation=checks.silent)
    error = evaluate(training.network, shapes.test, shapes.mean, shapes.std).error
    assert error < 5
