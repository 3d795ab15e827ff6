"""The pictures: shapes, split, augmentation, and the real CIFAR-10."""

import pytest
import torch
import torch.nn.functional as F
from checks import pictures as checks
from torchvision import transforms

import resnet_edu
from resnet_edu import data

# Whoever changes how shapes are drawn changes this line, and trains the records on shapes again.
SHAPES_FINGERPRINT = "4a09006ad191af26"


@pytest.fixture(scope="module")
def shapes():
    return data.load("shapes")


@pytest.mark.parametrize(
    "check",
    [
        checks.check_a_picture_does_not_depend_on_the_count,
        checks.check_shapes_are_balanced_and_disjoint,
        checks.check_seeds_draw_other_pictures,
        checks.check_all_outcomes_equal_torchvision,
        checks.check_outcomes_are_uniform,
        checks.check_pictures_of_a_batch_are_independent,
        checks.check_the_generator_decides,
        checks.check_normalise_equals_torchvision,
        checks.check_wrong_pictures,
        checks.check_mean_and_std,
        checks.check_fingerprint_fixes_pixels_and_labels,
        checks.check_split,
        checks.check_split_does_not_depend_on_the_order,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_pictures(check):
    check(resnet_edu)


def test_shapes_are_the_same_everywhere(shapes):
    assert shapes.fingerprint == SHAPES_FINGERPRINT
    assert (len(shapes.train), len(shapes.test)) == (10_000, 2_000)
    assert shapes.official is None and shapes.test_ids.tolist() == list(range(2_000))
    assert shapes.train.images.shape == (10_000, 3, 32, 32)


def test_no_shape_is_in_both_parts(shapes):
    train, test = (set(checks.digests(pictures)) for pictures in (shapes.train, shapes.test))
    assert len(train) == 10_000 and len(test) == 2_000
    assert not train & test


def test_a_linear_model_stays_below_half(shapes):
    """The best of three ridge regressions on one-hot labels, solved exactly."""
    (x, labels), (x_test, labels_test) = (
        (data.normalise(pictures.images, shapes.mean, shapes.std).flatten(1), pictures.labels)
        for pictures in (shapes.train, shapes.test)
    )
    products, targets = x.T @ x, x.T @ (F.one_hot(labels).float() - 0.1)
    learnt, tested = [], []
    for decay in (1e2, 1e3, 1e4):
        weights = torch.linalg.solve(products + decay * torch.eye(len(products)), targets)
        for accuracies, pictures, truth in ((learnt, x, labels), (tested, x_test, labels_test)):
            accuracies.append(((pictures @ weights).argmax(1) == truth).double().mean().item())
    assert max(learnt) > 0.3  # it is trained: it knows much of what it has seen by heart
    assert max(tested) < 0.5


def test_torchvision_itself_has_these_outcomes():
    """RandomCrop and RandomHorizontalFlip, counted as ours are: the same 162, as often."""
    theirs = transforms.Compose(
        [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    )
    image = checks.pictures_that_tell()
    done = checks.outcomes(torch.cat([theirs(image) for _ in range(162 * 30)]))
    assert checks.chi_square(done) < checks.CHI_SQUARE


def test_unknown_dataset():
    with pytest.raises(ValueError, match="unknown dataset 'mnist'; there are shapes, cifar10, cif"):
        data.load("mnist")


def test_cifar_is_not_at_hand(monkeypatch):
    """Nothing is downloaded unasked; the error says what does."""
    monkeypatch.setattr(data, "fetch", pytest.fail)
    for name, title in (("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100")):
        for place in (None, ""):
            if place is None:
                monkeypatch.delenv("RESNET_EDU_DATA", raising=False)
            else:
                monkeypatch.setenv("RESNET_EDU_DATA", place)
            with pytest.raises(
                FileNotFoundError, match=f"{title} is not at hand: .*set RESNET"
            ) as e:
                data.load(name)
            assert f"`python -m resnet_edu data {name}` downloads it" in str(e.value)


def test_the_real_cifar10(cifar10):
    assert cifar10.fingerprint == "77b9d76c52e50833"
    assert (len(cifar10.train), len(cifar10.test)) == (50_000, 10_000)
    assert torch.bincount(cifar10.train.labels).tolist() == [5_000] * 10
    assert torch.bincount(cifar10.test.labels).tolist() == [1_000] * 10
    assert cifar10.mean == (0.4914, 0.4822, 0.4465)
    assert cifar10.std == (0.2470, 0.2435, 0.2616)
    assert [len(pictures) for pictures in cifar10.split(0)] == [45_000, 5_000]
    assert cifar10.official is True
    assert len(set(cifar10.test_ids.tolist())) == 10_000
    assert "/" not in cifar10.source
