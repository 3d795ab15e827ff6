"""What *Gradient flow* says of first steps and ends is measured again, in small."""

from unittest.mock import patch

import pytest
from checks.running import how_in, make, plan_of

import resnet_edu
from resnet_edu import data, records
from resnet_edu.data import shapes
from resnet_edu.study import imprint


def test_the_beginning_of_a_run_leads_to_its_end(tmp_path):
    """Begun again, with as many updates as the run had, it is where the run ended; before, not."""
    run = make(resnet_edu, plan_of(resnet_edu, iterations=3), how_in(resnet_edu, tmp_path))
    with (
        patch.object(imprint, "AFTER", (0, 2, 3)),
        patch.multiple(shapes, TRAIN=200, TEST=100),
    ):
        rows = imprint.imprint(run, data.load("shapes"))
    assert [row["iteration"] for row in rows] == [0, 2, 3]
    assert rows[2]["kept"] == [1.0] * 20 and min(rows[1]["kept"]) < 1
    assert all(late >= early for early, late in zip(rows[0]["kept"], rows[1]["kept"], strict=True))
    # The run was made in float32, so that there is nothing to round.
    assert all(row["rounded"] == [1.0] * 20 for row in rows)


def test_the_record_is_whole():
    rows = records.read_measurement("imprint")
    assert [(row["run"], row["iteration"]) for row in rows] == [
        (run, after) for run in imprint.RUNS for after in imprint.AFTER
    ]
    for row in rows:
        assert len(row["kept"]) == len(row["rounded"]) == 56
        assert row["run"].startswith(row["network"])
        assert (row["rounded"] == [1.0] * 56) == (row["iteration"] == 0)


def test_it_begins_where_the_other_record_of_these_runs_does():
    ends = {row["run"]: row for row in records.read_measurement("flow-trained") if row["iteration"]}
    for row in records.read_measurement("imprint"):
        if row["iteration"] == 0:
            assert row["kept"] == pytest.approx(ends[row["run"]]["turned"], abs=1e-3)
