"""What *Stage three and the head* measures is measured again, in small; its record is whole."""

import pytest
import torch
from torch import nn

from resnet_edu import data, records, resnet20
from resnet_edu.data import normalise, shapes
from resnet_edu.study import whereabouts as study


@pytest.fixture(scope="module")
def drawn():
    return shapes.draw_pictures(100, part=1)


def test_shapes_stand_where_they_are_said_to(drawn):
    places, radii = study.whereabouts(100, part=1)
    covered = shapes._coverage(drawn[1].numpy(), shapes.Dice(0, 1, 100)) > 0
    for inside, place, radius in zip(covered, places, radii, strict=True):
        for direction, middle in zip(inside.nonzero(), place.tolist(), strict=True):
            first, last = direction.min() - 15.5, direction.max() - 15.5
            assert abs((first + last) / 2 - middle) <= 1
            assert last - middle < radius + 1 and middle - first < radius + 1


def test_two_parts_and_two_seeds_have_other_places():
    places, radii = study.whereabouts(50)
    for other in (study.whereabouts(50, part=1), study.whereabouts(50, seed=1)):
        assert not torch.equal(places, other[0])
    assert (places.abs() + radii[:, None] <= 16).all() and radii.min() >= 6


def test_the_paper_goes_on_without_a_seam(drawn):
    images, _ = drawn
    wide = study.continued(images, part=1)
    assert wide.shape == (100, 3, 64, 64)
    assert torch.equal(wide[:, :, 16:48, 16:48], images)
    # Along an edge that no shape touches, the two sides of the seam have the same mean.
    places, radii = study.whereabouts(len(images), part=1)
    free = places[:, 0] + radii < 14
    inside, outside = (wide[free][:, :, row, 16:48].float().mean(2) for row in (47, 48))
    unclipped = (inside > 40) & (inside < 215)
    # 32 grains of deviation 19 a side, so five deviations of their difference.
    assert ((inside - outside).abs()[unclipped] < 5 * 19 * (2 / 32) ** 0.5 + 2).all()
    assert free.sum() > 20


def test_a_line_is_found_and_each_class_has_its_own():
    torch.manual_seed(0)
    known, asked = torch.randn(200, 5).double(), torch.randn(40, 5).double()
    slope = torch.randn(10, 5, 2).double()

    def places(of):
        return torch.stack([x @ slope[i % 10] + i % 10 for i, x in enumerate(of)])

    by_class = study.guess_by_class(known, places(known), asked)
    assert torch.allclose(by_class, places(asked))
    single = study.guess(known, known @ slope[0] + 3, asked)
    assert torch.allclose(single, asked @ slope[0] + 3)


def test_means_are_what_the_head_averages():
    torch.manual_seed(0)
    dataset = data.load("shapes")
    images, network = dataset.test.images[:3], resnet20().double()
    found = study.means(network, images, dataset)
    with torch.no_grad():
        x = normalise(images, dataset.mean, dataset.std).double()
        assert torch.allclose(network.head[2](found), network.eval()(x))
    corner = study.means(network, images, dataset, slice(0, 1))
    assert corner.shape == found.shape and not torch.allclose(corner, found)


def test_rolled_up_networks_do_not_know_where_they_are():
    torch.manual_seed(0)
    network = resnet20().double().eval()
    x = torch.randn(2, 3, 32, 32).double()
    with torch.no_grad():
        assert not torch.allclose(network(x), network(x.roll(4, 3)), atol=1e-6)
        study.padded(network, "circular")
        assert torch.allclose(network(x), network(x.roll(4, 3)), atol=1e-10)
        assert not torch.allclose(network(x), network(x.roll(1, 3)), atol=1e-6)
    kernels = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert all(m.padding_mode == "circular" for m in kernels)


def test_moved_pictures_are_black_on_the_left():
    images = torch.randint(1, 256, (2, 3, 32, 32), dtype=torch.uint8)
    moved = study.move(images, 3)
    assert moved.shape == images.shape and not moved[..., :3].any()
    assert torch.equal(moved[..., 3:], images[..., :-3])


def test_the_record_is_whole_and_is_what_the_code_measures():
    rows = records.read_measurement("whereabouts")
    small = [row for row in rows if row.get("network") == "resnet8"]
    assert [(row["padding"], row["seed"]) for row in small[::2]] == [
        (padding, seed) for padding in study.PADDINGS for seed in study.SEEDS
    ]
    assert [row["average"] for row in rows if row["what"] == "average"] == list(study.AVERAGES)
    still = next(row for row in rows if row["what"] == "moved")
    quoted = records.read_run(records.ROOT / "runs" / study.MOVED).test_error
    assert 100 * still["wrong"] / still["of"] == pytest.approx(quoted, abs=0.1)
    # With fewer pictures the lines are a little worse.
    row = study.paper(data.load("shapes"), "as it is", (2000, 500))
    kept = next(row for row in rows if row["what"] == "average")
    assert kept["pixels"] < row["pixels"] < kept["pixels"] + 0.5
