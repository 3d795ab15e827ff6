"""What must hold of the pictures: shapes, split, augmentation, normalisation."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from PIL import Image
from torch.testing import assert_close
from torchvision import transforms

from . import part

OUTCOMES = [(top, left, flip) for top in range(9) for left in range(9) for flip in (False, True)]
# Chi-square with 161 degrees of freedom goes beyond this once in a thousand.
CHI_SQUARE = 221.0


def few_shapes(package, train=200, test=100):
    """`shapes` as `load` makes it, with fewer pictures."""
    shapes = part(package, "data.shapes")
    with patch.object(shapes, "TRAIN", train), patch.object(shapes, "TEST", test):
        return part(package, "data").load("shapes")


# Shapes


def check_a_picture_does_not_depend_on_the_count(package):
    draw = part(package, "data.shapes").draw_pictures
    (many, labels), (few, few_labels) = draw(60), draw(20)
    assert torch.equal(many[:20], few) and torch.equal(labels[:20], few_labels)


def check_shapes_are_balanced_and_disjoint(package):
    dataset = few_shapes(package)
    assert len(dataset.classes) == 10
    for pictures, each in ((dataset.train, 20), (dataset.test, 10)):
        assert pictures.images.dtype == torch.uint8 and pictures.labels.dtype == torch.int64
        assert torch.bincount(pictures.labels).tolist() == [each] * 10
    assert not set(digests(dataset.train)) & set(digests(dataset.test))
    assert len(set(digests(dataset.train))) == 200


def check_seeds_draw_other_pictures(package):
    draw = part(package, "data.shapes").draw_pictures
    first, second = draw(20, seed=0)[0], draw(20, seed=1)[0]
    assert not set(map(bytes, first.numpy())) & set(map(bytes, second.numpy()))


def digests(pictures):
    return [image.tobytes() for image in pictures.images.numpy()]


# Augmentation


def pictures_that_tell():
    """One picture whose every pixel says where it is: (1, 3, 32, 32), no value zero."""
    place = torch.arange(1, 33, dtype=torch.uint8)
    row, column = place[:, None].expand(32, 32), place.expand(32, 32)
    return torch.stack([row, column, row * 5 + column])[None]


def outcomes(images):
    """The number, in `OUTCOMES`, of what was done to each `pictures_that_tell()`."""
    row, column = images[:, 0, 15, 15].long(), images[:, 1, 15, 15].long()
    flip = images[:, 1, 15, 14].long() > column
    top, left = row - 12, torch.where(flip, column - 13, column - 12)
    return (top * 9 + left) * 2 + flip


def chi_square(numbers):
    counts = torch.bincount(numbers, minlength=len(OUTCOMES)).double()
    assert len(counts) == len(OUTCOMES), "an outcome that torchvision never has"
    expected = len(numbers) / len(OUTCOMES)
    return ((counts - expected) ** 2 / expected).sum().item()


def check_all_outcomes_equal_torchvision(package):
    """Each of the 162 crops and flips of a real picture, against torchvision's own functions."""
    augmenting = part(package, "data.augment")
    image = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8)
    top, left, flip = (torch.tensor(values) for values in zip(*OUTCOMES, strict=True))
    ours = augmenting.crop_and_flip(image.expand(len(OUTCOMES), -1, -1, -1), top, left, flip)
    padded = TF.pad(image, 4)
    for mine, (row, column, mirrored) in zip(ours, OUTCOMES, strict=True):
        theirs = TF.crop(padded, row, column, 32, 32)
        assert torch.equal(mine, (TF.hflip(theirs) if mirrored else theirs)[0])


def check_outcomes_are_uniform(package):
    """`augment` does each of the 162 things equally often, and no other."""
    augment = part(package, "data.augment").augment
    images = pictures_that_tell().expand(162 * 60, -1, -1, -1)
    assert outcomes(pictures_that_tell()).item() == OUTCOMES.index((4, 4, False))
    done = outcomes(augment(images, torch.Generator().manual_seed(0)))
    assert chi_square(done) < CHI_SQUARE


def check_pictures_of_a_batch_are_independent(package):
    """Neighbours in a batch share nothing: 0 correlation of rows, columns and flips."""
    augmenting = part(package, "data.augment")
    n = 20_000
    drawn = augmenting.draw(n, torch.device("cpu"), torch.Generator().manual_seed(0))
    drawn = torch.stack([values.double() for values in drawn])
    assert (drawn.std(dim=1) > 0.4).all()
    both = torch.corrcoef(torch.cat([drawn[:, :-1], drawn[:, 1:]]))
    off_diagonal = both - torch.eye(6)
    assert off_diagonal.abs().max() < 5 / n**0.5


def check_the_generator_decides(package):
    augment = part(package, "data.augment").augment
    images = pictures_that_tell().expand(64, -1, -1, -1)
    first, again, other = (augment(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def check_normalise_equals_torchvision(package):
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    pixels = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    ours = part(package, "data").normalise(
        torch.from_numpy(pixels.transpose(2, 0, 1))[None], mean, std
    )
    assert ours.dtype == torch.float32
    assert_close(ours[0], theirs(Image.fromarray(pixels)), rtol=1e-5, atol=1e-6)


def check_wrong_pictures(package):
    data = part(package, "data")
    functions = (data.augment, lambda images: data.normalise(images, (0.5,) * 3, (0.2,) * 3))
    for function in functions:
        for shape in ((3, 32, 32), (2, 1, 32, 32), (2, 32, 32, 3)):
            with pytest.raises(ValueError, match=r"shape \(N, 3, H, W\), not"):
                function(torch.zeros(shape, dtype=torch.uint8))
        with pytest.raises(TypeError, match=r"bytes \(torch.uint8, 0 to 255\), not torch.float32"):
            function(torch.zeros(2, 3, 32, 32))


# Statistics, fingerprint, split


def check_mean_and_std(package):
    """The training pictures' own, per channel, against NumPy in float64."""
    dataset = few_shapes(package)
    pixels = dataset.train.images.numpy().astype(np.float64) / 255
    assert dataset.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)), abs=5.1e-5)
    assert dataset.std == pytest.approx(pixels.std(axis=(0, 2, 3)), abs=5.1e-5)


def check_fingerprint_fixes_pixels_and_labels(package):
    """Another order leaves it, another pixel or label does not; so it is for both parts."""
    data, dataset = part(package, "data"), few_shapes(package)

    def fingerprint(train, test):
        return data.make_dataset("shapes", train, test, dataset.classes, "drawn").fingerprint

    train, test = dataset.train, dataset.test
    assert fingerprint(train[reversed_order(train)], test) == dataset.fingerprint
    for changed in (pixel_changed(data, train), label_changed(data, train)):
        assert fingerprint(changed, test) != dataset.fingerprint
    for changed in (pixel_changed(data, test), label_changed(data, test)):
        assert fingerprint(train, changed) != dataset.fingerprint


def reversed_order(pictures):
    return torch.arange(len(pictures)).flip(0)


def pixel_changed(data, pictures):
    images = pictures.images.clone()
    images[7, 1, 2, 3] ^= 1
    return data.Pictures(images, pictures.labels)


def label_changed(data, pictures):
    labels = pictures.labels.clone()
    labels[7] = (labels[7] + 1) % 10
    return data.Pictures(pictures.images, labels)


def check_split(package):
    """Nine to one, nothing lost, nothing twice, another seed another split."""
    dataset = few_shapes(package)
    training, validation = dataset.split(0)
    assert (len(training), len(validation)) == (180, 20)
    assert sorted(digests(training) + digests(validation)) == sorted(digests(dataset.train))
    label_of = dict(zip(digests(dataset.train), dataset.train.labels.tolist(), strict=True))
    for pictures in (training, validation):
        assert [label_of[digest] for digest in digests(pictures)] == pictures.labels.tolist()
    assert digests(dataset.split(0)[1]) == digests(validation)
    assert set(digests(dataset.split(1)[1])) != set(digests(validation))


def check_split_does_not_depend_on_the_order(package):
    data, dataset = part(package, "data"), few_shapes(package)
    turned = dataset.train[reversed_order(dataset.train)]
    turned = data.make_dataset("shapes", turned, dataset.test, dataset.classes, "drawn")
    for mine, other in zip(dataset.split(3), turned.split(3), strict=True):
        assert torch.equal(mine.images, other.images) and torch.equal(mine.labels, other.labels)
