"""What *Pictures in* measures about normalisation is measured again, in small."""

import pytest
import torch

from resnet_edu import data, records
from resnet_edu.data import augment, normalise
from resnet_edu.data.augment import crop_and_flip
from resnet_edu.study import normalisation


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def shapes():
    return data.load("shapes")


@pytest.fixture(scope="module")
def rows():
    return records.read_measurement("normalisation")


def test_the_parts_add_up_to_the_variance_of_all_pixels():
    images = torch.randint(256, (30, 3, 5, 7), dtype=torch.uint8) // torch.arange(1, 31)[
        :, None, None, None
    ].to(torch.uint8)
    parts = normalisation.parts_of_variance(*normalisation.own_spread(images))
    total = (images / 255).transpose(0, 1).flatten(1).var(1, correction=0)
    assert torch.allclose(parts.sum(0), total)
    assert (parts > 0).all()


def test_each_pixel_is_shown_as_often_as_in_the_crops():
    every = torch.arange(162)
    ones = torch.ones(162, 3, 32, 32, dtype=torch.uint8)
    place = torch.arange(32 * 32, dtype=torch.int32).view(1, 1, 32, 32).expand(162, 3, -1, -1) + 1
    crops = augment_all(place, every)
    counted = torch.bincount(crops[:, 0].flatten(), minlength=1025)[1:].view(32, 32)
    assert torch.equal(counted, 2 * normalisation.views_that_show(32))
    assert (augment_all(ones, every) == 0).double().mean() == pytest.approx(
        1 - normalisation.views_that_show(32).double().mean() / 81
    )


def augment_all(images, every):
    return crop_and_flip(images, every // 18, every // 2 % 9, every % 2 == 1)


def test_what_is_fed_is_what_augmented_batches_have(shapes):
    fed = normalisation.fed(shapes)
    views = augment(shapes.train.images, torch.Generator().manual_seed(0))[:4000]
    x = normalise(views, shapes.mean, shapes.std).transpose(0, 1).flatten(1)
    mean, std = fed["black"]
    assert torch.allclose(x.mean(1), mean, atol=0.03) and torch.allclose(x.std(1), std, atol=0.03)
    mean, std = fed["none"]
    assert torch.allclose(mean, torch.zeros(3), atol=1e-3)
    assert torch.allclose(std, torch.ones(3), atol=1e-3)
    assert (fed["mean"][1] < 0.95).all()


def test_the_copied_numbers_are_found_in_cifar10(rows):
    (row,) = [r for r in rows if (r["what"], r["dataset"]) == ("spread", "cifar10")]
    assert tuple(round(v, 4) for v in row["mean_of_stds_n_minus_1"]) == normalisation.COPIED
    assert [round(v, 4) for v in row["mean_of_stds"]] == [0.2022, 0.1993, 0.2009]
    assert [round(v, 4) for v in row["std"]] == [0.2470, 0.2435, 0.2616]


def test_the_record_is_what_the_code_measures(shapes, rows):
    again = normalisation.measure_pictures(shapes)
    recorded = [
        r for r in rows if r["dataset"] == "shapes" and r["what"] in {a["what"] for a in again}
    ]
    assert [r.keys() for r in again] == [r.keys() for r in recorded]
    for new, old in zip(again, recorded, strict=True):
        for key, value in old.items():
            assert new[key] == value or torch.allclose(torch.tensor(new[key]), torch.tensor(value))


def test_the_record_is_whole(rows):
    checkpoints = [r for r in rows if r["what"] == "checkpoint"]
    assert {(r["dataset"], r["run"]) for r in checkpoints} == set(normalisation.RUNS.items())
    for dataset, run in normalisation.RUNS.items():
        error = {r["normalisation"]: r["error"] for r in checkpoints if r["dataset"] == dataset}
        assert error["right"] == records.read_run(records.ROOT / "runs" / run).test_error
        assert min(error.values()) == error["right"]
    trained = [(r["normalisation"], r["seed"]) for r in rows if r["what"] == "training"]
    assert len(trained) == len(set(trained)) == 4 * len(normalisation.SEEDS)


def test_equal_pictures_are_found():
    images = torch.randint(256, (5, 3, 4, 4), dtype=torch.uint8)
    other = images[2:].clone()
    other[0, 0, 0, 0] ^= 1
    assert normalisation.same_pictures(images, other) == 2
    assert normalisation.same_pictures(images, other.flip(3)) == 0
