"""What *Predictions* measures is measured again, in small; its record is whole."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resnet_edu import records
from resnet_edu.checkpoint import load_checkpoint
from resnet_edu.data import Pictures
from resnet_edu.evaluate import logits
from resnet_edu.study import answers


@pytest.fixture(scope="module")
def stored():
    return answers.read_answers()


@pytest.fixture
def dice():
    return np.random.RandomState(7)


def test_the_record_is_of_the_run_and_as_good_as_it_says(stored):
    run = records.read_run(records.ROOT / "runs" / answers.RUN)
    assert stored.run == answers.RUN, f"run {answers.COMMAND} again"
    wrong = (stored.first != stored.labels).double().mean().item()
    assert 100 * wrong == pytest.approx(run.test_error, abs=0.015)
    assert torch.bincount(stored.labels).tolist() == [1000] * 10
    assert (stored.first != stored.second).all()
    for sure in (stored.confidence, stored.tempered):
        assert sure.dtype == torch.float64 and sure.min() > 0.1 and sure.max() <= 1
    humbler = stored.tempered.mean() < stored.confidence.mean()
    assert humbler == (stored.temperature > 1)
    assert (stored.second == stored.labels).sum() < (stored.first == stored.labels).sum()
    for other in (stored.mirrored, stored.both):
        assert 0 < (other != stored.first).sum() < 2000


def test_the_fitted_temperature_is_the_lowest_of_the_curve():
    rows = [r for r in records.read_measurement("answers") if r["what"] == "temperature"]
    assert [r["temperature"] for r in rows] == answers.TEMPERATURES
    lowest = min(rows, key=lambda r: r["validation"])["temperature"]
    assert lowest == pytest.approx(answers.read_answers().temperature, abs=0.051)


def test_the_record_is_small_and_holds_no_picture():
    path = records.ROOT / "measurements" / "answers.json"
    assert path.stat().st_size < 200_000
    (row,) = (r for r in records.read_measurement("answers") if r["what"] == "answers")
    # One number a picture, five times one digit of it: nothing to draw a picture from.
    assert {len(value) for value in row.values() if isinstance(value, list)} == {10_000}


def test_the_record_is_what_the_network_answers(cifar10, stored):
    network, about = load_checkpoint(
        records.read_run(records.ROOT / "runs" / stored.run).checkpoint
    )
    test = cifar10.test[cifar10.test.rank()]
    assert torch.equal(test.labels, stored.labels)
    some = test[torch.arange(0, 10_000, 50)]
    said = logits(network, some.images, about.mean, about.std).double()
    assert (said.argmax(1) != stored.first[::50]).sum() <= 1
    assert torch.allclose(said.softmax(1).amax(1), stored.confidence[::50], atol=0.003)
    tempered = (said / stored.temperature).softmax(1).amax(1)
    assert torch.allclose(tempered, stored.tempered[::50], atol=0.003)


def test_the_rank_forgets_the_order():
    pictures = Pictures(torch.randint(256, (20, 3, 4, 4), dtype=torch.uint8), torch.arange(20))
    shuffled = pictures[torch.randperm(20)]
    assert torch.equal(pictures[pictures.rank()].labels, shuffled[shuffled.rank()].labels)


def test_confusion_counts_by_truth_and_answer():
    labels, predicted = torch.tensor([0, 0, 2, 1, 2]), torch.tensor([0, 1, 0, 1, 0])
    assert answers.confusion(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]


def test_calibration_error_by_hand():
    sure = torch.tensor([0.55, 0.58, 0.9, 0.95, 1.0], dtype=torch.float64)
    right = torch.tensor([True, False, True, True, False])
    pictures, promised, kept = answers.reliability(sure, right, 10)
    assert pictures.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 3]
    assert promised[9].item() == pytest.approx(2.85) and kept.tolist()[5] == 1
    wanted = (abs(1.13 - 1) + abs(2.85 - 2)) / 5
    assert answers.calibration_error(sure, right, 10).item() == pytest.approx(wanted)


def test_dice_keep_what_the_confidence_promises(stored):
    right = answers.honest(stored.confidence, seed=3)
    assert right.double().mean() == pytest.approx(stored.confidence.mean().item(), abs=0.01)
    assert torch.equal(right, answers.honest(stored.confidence, seed=3))
    # And score above 0, the more so the finer the bins.
    few, many = (answers.calibration_error(stored.confidence, right, n) for n in (5, 100))
    assert 0 < few < many


def test_climbing_learns_from_scores_alone(dice):
    labels = torch.from_numpy(dice.randint(0, 10, 600))
    first, second = (
        torch.where(torch.from_numpy(dice.rand(600) < share), labels, (labels + k) % 10)
        for share, k in ((0.5, 1), (0.3, 2))
    )
    doubtful = torch.arange(0, 300)
    asked = []

    def score(given):
        asked.append(given)
        return int((given == labels)[:300].sum())

    climbed = answers.climb(first, second, doubtful, score, files=400)
    assert len(asked) == 400
    assert all(torch.equal(given[300:], first[300:]) for given in asked)
    assert torch.equal(climbed[300:], first[300:])
    assert (climbed == labels).sum() > (first == labels).sum() + 30
    assert ((climbed == first) | (climbed == second)).all()
    blind = answers.climb(first, second, doubtful, lambda given: 0, files=400)
    assert torch.equal(blind, first)


@pytest.mark.parametrize("true", [0.3, 1.0, 7.0])
def test_the_temperature_is_found(true, dice):
    honest = torch.from_numpy(2 * dice.randn(4000, 10))
    labels = torch.multinomial(honest.softmax(1), 1)[:, 0]
    fitted = answers.fit_temperature(true * honest, labels)
    assert fitted == pytest.approx(true, rel=0.1)
    loss = {t: F.cross_entropy(true * honest / (t * fitted), labels) for t in (0.99, 1, 1.01)}
    assert loss[1] < loss[0.99] and loss[1] < loss[1.01]
