"""The networks: against the paper, against torchvision, and against what they promise."""

import pytest
from checks import networks as checks
from checks.networks import CLASSES, PARAMETERS, plan_of, stirred

import resnet_edu

NAMED = [*PARAMETERS, "resnet20-B", "resnet20-C", "resnet56-B"]


def test_every_name_is_tested():
    assert set(resnet_edu.resnet.NAMES) == set(PARAMETERS) == set(resnet_edu.__all__)


@pytest.mark.parametrize("name", NAMED)
def test_named_network_agrees_with_the_paper(name):
    classes = CLASSES.get(name, 10)
    network = stirred(resnet_edu.resnet.by_name(name, classes))
    checks.check_agrees_with_the_paper(network, plan_of(name), classes)


@pytest.mark.parametrize(
    ("block", "counts"), [("BasicBlock", (2, 2, 2, 2)), ("Bottleneck", (3, 4, 6, 3))]
)
def test_agrees_with_torchvision(block, counts):
    checks.check_agrees_with_torchvision(resnet_edu, block, counts)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_plans_agree_with_the_paper,
        checks.check_parameter_counts,
        checks.check_option_b_adds_two_projections,
        checks.check_plain_has_the_parameters_of_option_a,
        checks.check_parameter_order,
        checks.check_every_module_is_called_once,
        checks.check_hooks_see_what_flows,
        checks.check_relu_follows_the_addition,
        checks.check_zero_weights_give_the_identity,
        checks.check_gradients,
        checks.check_he_initialisation,
        checks.check_initial_size_is_kept_forward,
        checks.check_batch_norm_defaults,
        checks.check_depths_that_are_not_6n_plus_2,
        checks.check_widths_and_blocks_that_make_no_network,
        checks.check_unknown_names,
        checks.check_wrong_pictures,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_networks(check):
    check(resnet_edu)
