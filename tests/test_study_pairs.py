"""Which pictures two networks miss together: counted by hand, and the record against the runs."""

from itertools import combinations

import pytest
import torch

from resnet_edu import records
from resnet_edu.study import pairs


def test_together_by_hand():
    signs = {"a": "xx..x", "b": ".x..x", "c": "...x."}
    wrong = {name: torch.tensor([sign == "x" for sign in line]) for name, line in signs.items()}
    counts = [
        (row["one"], row["other"], *(row[f"missed_by_{who}"] for who in ("one", "other", "both")))
        for row in pairs.together(wrong)
    ]
    assert counts == [("a", "b", 3, 2, 2), ("a", "c", 3, 1, 0), ("b", "c", 2, 1, 0)]
    assert {row["pictures"] for row in pairs.together(wrong)} == {5}


def test_the_record_is_of_the_runs():
    rows = records.read_measurement("pairs")
    names = [(row["one"], row["other"]) for row in rows]
    assert names == [*combinations(pairs.SEEDS, 2), *combinations(pairs.SHORTCUTS, 2)]
    for row in rows:
        for who in ("one", "other"):
            run = records.read_run(records.ROOT / "runs" / row[who])
            missed = row[f"missed_by_{who}"]
            # Another processor may answer a picture or two differently.
            assert missed / row["pictures"] == pytest.approx(run.test_error / 100, abs=3e-4)
            assert row["missed_by_both"] < missed


def test_the_record_is_what_the_networks_answer(cifar10, monkeypatch):
    """A fiftieth of the pictures, by the code that made the record."""
    some = cifar10.test[torch.arange(0, 10_000, 50)]
    part = len(some)
    monkeypatch.setattr(pairs, "load", lambda name: type("", (), {"test": some}))
    found = [*pairs.measure(pairs.SEEDS), *pairs.measure(pairs.SHORTCUTS)]
    for row, whole in zip(found, records.read_measurement("pairs"), strict=True):
        assert (row["one"], row["other"], row["pictures"]) == (whole["one"], whole["other"], part)
        share = whole["missed_by_both"] / whole["pictures"]
        width = (share * (1 - share) / part) ** 0.5
        assert row["missed_by_both"] / part == pytest.approx(share, abs=4 * width)
