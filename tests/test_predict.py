"""Predictions, and that those of the finished runs are as good as their records say."""

import csv

import pytest
import torch
from checks import predicting as checks
from conftest import ROOT

import resnet_edu
from resnet_edu import data, records
from resnet_edu.__main__ import main


@pytest.mark.parametrize(
    "check",
    [
        checks.check_predictions_equal_a_loop_by_hand,
        checks.check_what_cannot_be_predicted,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_classes(check):
    check(resnet_edu)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_the_file,
        checks.check_places,
        checks.check_every_form_gives_the_same,
        checks.check_the_test_set,
        checks.check_labels_that_are_no_classes,
        checks.check_fine_labels,
        checks.check_bad_pictures,
        checks.check_arrays_run_nothing,
        checks.check_no_test_pictures,
        checks.check_inputs_are_never_overwritten,
        checks.check_checkpoints_that_are_none,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_predictions(check, tmp_path):
    check(resnet_edu, tmp_path)


def test_predictions_of_a_finished_run(tmp_path, capsys):
    """Counted again from the file: processors round differently, which may tip one in 2,000."""
    runs = [
        run
        for run in records.read_runs(ROOT / "records")
        if (run.record["network"], run.record["dataset"]) == ("resnet20", "shapes")
    ]
    assert runs
    test = data.load("shapes").test
    for run in runs:
        output = tmp_path / f"{run.name}.csv"
        assert main(["predict", str(run.folder), "--output", str(output)]) == 0
        shown = capsys.readouterr().out
        made = f"{run.name} after {run.record['iteration']:,} iterations"
        assert f"{made} on 2,000 test pictures of shapes: error " in shown
        with output.open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["Id", "Label"] and [int(i) for i, _ in rows] == list(range(2_000))
        wrong = torch.tensor([int(label) for _, label in rows]) != test.labels
        assert 100 * wrong.double().mean() == pytest.approx(run.test_error, abs=0.05)


def test_the_help_says_what_is_written_over(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    assert "over an earlier file of predictions, never over any other" in text
    assert "Id is the file's stem where every stem is a whole number" in text
