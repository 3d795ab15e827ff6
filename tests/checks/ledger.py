"""What must hold of the ledger, its tables and its curves, on records made up in a folder."""

import csv
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, fields

import pytest

from . import part

HALF, END = 0.5, 1.0  # where in a run the made-up curves have their rows
A_CPU = {"since": 0, "cpu": "a CPU", "threads": 2, "gpu": None}


def write_run(
    package,
    folder,
    network="resnet20",
    recipe="paper",
    seed=0,
    error=9.0,
    dataset="cifar10",
    precision="float32",
    name=None,
    settings=None,
    half=30.0,
    **changes,
):
    """Leaves a run whose last iterate has that test error, and whose best has one point less."""
    records, recipes = part(package, "records"), part(package, "recipes")
    values = json.loads(json.dumps(asdict(recipes.by_name(recipe)))) | (settings or {})
    last = {"iteration": values["iterations"], "test_error": error}
    record = {
        "format": records.RUN_FORMAT,
        "network": network,
        "dataset": dataset,
        "fingerprint": f"of {dataset}",
        "recipe": values,
        "seed": seed,
        "split": 0,
        "parameters": 1234,
        "results": {"last": last, "best_on_validation": last | {"test_error": error - 1}},
        "speed": {"precision": precision},
        "seconds": 600.0 * (1 + seed),
        "resumed_at": [],
        "machines": [A_CPU],
        **changes,
    }
    place = folder / "runs" / (name or records.run_name(network, dataset, recipe, seed))
    place.mkdir(parents=True)
    (place / "record.json").write_text(json.dumps(record))
    names = [field.name for field in fields(part(package, "train").Evaluation)]
    with (place / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for share, test, training in ((HALF, half, 24.0), (END, error, 4.0)):
            row = dict.fromkeys(names, 1) | {"iteration": int(values["iterations"] * share)}
            writer.writerow(row | {"test_error": test, "train_error": training})


def runs_in(package, folder):
    return part(package, "records").read_runs(folder)


def rows_in(package, folder):
    return part(package, "ledger").rows(runs_in(package, folder))


# Rows


def check_seeds_share_a_row(package, folder):
    """Mean and sample standard deviation of 8, 9 and 11, by hand; of the last iterates."""
    for seed, error in ((2, 11.0), (0, 8.0), (1, 9.0)):
        stops = [7, 9] if seed else []
        write_run(package, folder, seed=seed, error=error, resumed_at=stops)
    (row,) = rows_in(package, folder)
    assert row.seeds == (0, 1, 2)
    assert row.error == pytest.approx(28 / 3)
    assert row.spread == pytest.approx(math.sqrt((16 / 9 + 1 / 9 + 25 / 9) / 2))
    assert (row.network, row.dataset, row.recipe) == ("resnet20", "cifar10", "paper")
    assert (row.parameters, row.minutes, row.resumed) == (1234, 20, 4)
    assert row.machines == "CPU, a CPU, 2 threads"


def check_one_seed_has_no_spread(package, folder):
    write_run(package, folder, error=8.25)
    (row,) = rows_in(package, folder)
    assert (row.error, row.spread) == (8.25, None)


def check_all_machines_are_named(package, folder):
    """Those of a run that moved, and those of other seeds; each once."""
    card, one = A_CPU | {"since": 7, "gpu": "a card"}, A_CPU | {"threads": 1}
    write_run(package, folder, machines=[A_CPU, card], resumed_at=[7])
    write_run(package, folder, seed=1, machines=[one])
    write_run(package, folder, seed=2)
    (row,) = rows_in(package, folder)
    assert row.machines == "CPU, a CPU, 2 threads; GPU, a card; CPU, a CPU, 1 thread"


def check_what_differs_has_its_own_row(package, folder):
    """In the order of datasets, recipes, residual before plain, depth; precisions apart."""
    kinds = [
        ("resnet20", "paper", "cifar10", "bfloat16"),
        ("resnet56", "paper", "cifar10", "float32"),
        ("plain20", "paper", "cifar10", "float32"),
        ("resnet20", "short", "cifar10", "float32"),
        ("resnet20", "short", "shapes", "float32"),
    ]
    for i, (network, recipe, dataset, precision) in reversed(list(enumerate(kinds))):
        write_run(package, folder, network, recipe, 0, i, dataset, precision)
    write_run(package, folder, "resnet20", "paper", 1, 5.0, precision="float32")
    rows = rows_in(package, folder)
    found = [(row.network, row.recipe, row.dataset, row.precision) for row in rows]
    assert found == [kinds[0], ("resnet20", "paper", "cifar10", "float32"), *kinds[1:]]
    assert [row.error for row in rows] == [0, 5, 1, 2, 3, 4]


def check_a_name_means_one_thing(package, folder):
    """Other pictures, another split, other settings under one name, or a copied folder."""
    for i, (changes, words) in enumerate(
        [
            ({"fingerprint": "other"}, "fingerprint of cifar10 is (of cifar10|other) in resnet20"),
            ({"split": 3}, "split of cifar10 is (0|3) in resnet20"),
            ({"settings": {"lr": 0.2}}, "recipe of paper is .*lr=0.2.* in plain20-.*this code"),
            ({"name": "a-copy"}, "a-copy holds the run plain20-cifar10-paper-s0; rename"),
        ]
    ):
        write_run(package, folder / str(i))
        write_run(package, folder / str(i), "plain20", **changes)
        with pytest.raises(ValueError, match=words):
            rows_in(package, folder / str(i))
    write_run(package, folder / "look", settings={"evaluate_every": 10})
    try:
        assert len(rows_in(package, folder / "look")) == 1
    except ValueError as error:
        pytest.fail(f"how often one looks changes no training: {error}")


def check_the_paper_where_it_applies(package, folder):
    """Table 6 is of CIFAR-10, of the paper's recipe, of residual networks with option A."""
    right = {"resnet20": 8.75, "resnet32": 7.51, "resnet44": 7.17, "resnet56": 6.97}
    for network in (*right, "resnet110", "resnet20-B", "plain20"):
        write_run(package, folder, network)
    write_run(package, folder, "resnet110", "paper-warm")
    write_run(package, folder, "resnet20", "short")
    write_run(package, folder, "resnet20", "paper", dataset="cifar100")
    given = {}
    for row in rows_in(package, folder):
        if row.published:
            given[row.network, row.dataset, row.recipe] = row.published.comparable
    expected = {(network, "cifar10", "paper"): error for network, error in right.items()}
    # Ours is a mean, so beside it stands the paper's mean of five, not its best, 6.43.
    assert given == expected | {("resnet110", "cifar10", "paper-warm"): 6.61}
    published = part(package, "paper").PUBLISHED["resnet110", "cifar10", "paper-warm"]
    assert str(published) == "6.61 ± 0.16 (best 6.43)"


def check_not_made(package, folder):
    """Everything that is planned and has no record, and nothing that has one."""
    ledger = part(package, "ledger")
    planned = {plan[:3] for plan in ledger.PLANNED}
    everything = ledger.not_made([])
    assert {(m.network, m.dataset, m.recipe) for m in everything} == planned
    assert sum(len(m.seeds) for m in everything) == len(set(ledger.PLANNED)) == len(ledger.PLANNED)
    write_run(package, folder, "resnet20", "paper", 1)
    write_run(package, folder, "plain56", "short")
    left = ledger.not_made(runs_in(package, folder))
    seeds = {(m.network, m.recipe): m.seeds for m in left}
    assert seeds.get(("resnet20", "paper")) == (0, 2)
    assert ("plain56", "short") not in seeds and seeds["resnet56", "short"] == (0,)
    assert len(left) == len(everything) - 1


# Curves


def shapes_of(svg):
    """Of a panel: (paths, circles, texts) without the XML around them."""
    tree = ElementTree.fromstring(svg)
    (inner,) = tree.findall("svg")
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter("circle")]
    return inner.findall("path"), dots, [text.text for text in tree.iter("text")]


def points(path):
    return [
        tuple(map(float, pair.split())) for pair in re.findall(r"[-\d.]+ [-\d.]+", path.get("d"))
    ]


def check_curves(package, folder):
    """Plain left, residual right, the same axes; training dashed and thin, the ends at the data."""
    write_run(package, folder, "plain20", error=10.0, half=16.0)
    write_run(package, folder, "resnet20", error=5.0, half=16.0)
    curves = part(package, "show.curves")
    drawing = curves.draw_curves(runs_in(package, folder))
    panels = [shapes_of(svg) for svg in drawing.svgs]
    assert [texts[0] for _, _, texts in panels] == ["Plain", "Residual"]
    assert [texts[-1] for _, _, texts in panels] == ["plain-20", "ResNet-20"]
    assert panels[0][2][1:-1] == panels[1][2][1:-1]
    assert {"0", "10", "20", "20,000", "60,000"} <= set(panels[0][2]) and "25" not in panels[0][2]
    for ((training, test), dots, _), error in zip(panels, (10.0, 5.0), strict=True):
        assert training.get("stroke-dasharray") and not test.get("stroke-dasharray")
        assert float(training.get("stroke-width")) < float(test.get("stroke-width"))
        width, height = curves.ACROSS, curves.DOWN
        # The axes end at 20 %, twice the worst last error.
        assert points(test) == [
            pytest.approx((width / 2, height * 0.2), abs=0.06),
            pytest.approx((width, height * (1 - error / 20)), abs=0.06),
        ]
        assert points(training)[0][1] < 0 and points(training)[1][1] == pytest.approx(height * 0.8)
        end = (curves.LEFT + width, curves.TOP + height * (1 - error / 20))
        assert dots == [pytest.approx(end, abs=0.06)]
    assert "plain-20 ends at 10.00 on test pictures and 4.00 on training" in drawing.alt
    for words in ("CIFAR-10", "recipe paper", "10.00 % plain, 5.00 % residual", "float32"):
        assert words in drawing.caption
    write_run(package, folder / "far", "plain56", error=50.0)
    write_run(package, folder / "far", "resnet56", error=5.0)
    drawing = curves.draw_curves(runs_in(package, folder / "far"))
    (_, test), _, _ = shapes_of(drawing.svgs[0])
    # Here they end at 70 %; at twice 50 little would be left for the other panel.
    assert points(test)[-1][1] == pytest.approx(height * 2 / 7, abs=0.06)


def check_what_was_not_measured_is_not_drawn(package, folder):
    """A test error that is no number leaves the last as a dot; the rest is there."""
    write_run(package, folder, half=math.nan)
    drawing = part(package, "show.curves").draw_curves(runs_in(package, folder))
    ((training, test), dots, texts) = shapes_of(drawing.svgs[0])
    assert len(drawing.svgs) == 1 and "nan" not in drawing.svgs[0]
    assert len(points(training)) == 2 and len(points(test)) == 1 and len(dots) == 1
    assert "Where a dot stands alone" in drawing.caption
    assert texts[-1] == "ResNet-20"


def check_names_do_not_lie_on_one_another(package, folder):
    """Four ends at one height: four names, a line's height apart, inside the axes."""
    for depth in (20, 32, 44, 56):
        write_run(package, folder, f"resnet{depth}", "short", error=0.1)
    curves = part(package, "show.curves")
    (svg,) = curves.draw_curves(runs_in(package, folder)).svgs
    heights = [
        float(text.get("y"))
        for text in ElementTree.fromstring(svg).iter("text")
        if text.text.startswith("ResNet-")
    ]
    gaps = [b - a for a, b in zip(heights, heights[1:], strict=False)]
    assert len(heights) == 4 and min(gaps) >= curves.LINE - 0.1
    assert max(heights) <= curves.TOP + curves.DOWN + 4.1


def check_only_what_compares_shares_a_figure(package, folder):
    """Another precision, recipe or dataset is refused, both named; and grouped apart."""
    write_run(package, folder)
    write_run(package, folder, "plain20", precision="bfloat16")
    write_run(package, folder, "plain32", "short")
    write_run(package, folder, "plain44", dataset="cifar100")
    first, *others = sorted(runs_in(package, folder), key=lambda run: run.name[0] != "r")
    draw = part(package, "show.curves").draw_curves
    for other in others:
        with pytest.raises(ValueError, match="do not belong in one figure") as error:
            draw([first, other])
        assert first.name in str(error.value) and other.name in str(error.value)
    with pytest.raises(ValueError, match="float32.*bfloat16"):
        draw([first, others[0]])
    with pytest.raises(ValueError, match="no run"):
        draw([])
    groups = part(package, "ledger").comparisons([first, *others])
    assert sorted(map(len, groups)) == [1, 1, 1, 1]
    for group in groups:
        draw(group)


# Tables


def check_tables(package, folder):
    """What stands in the rows, aligned as text, with links as Markdown; and what is missing."""
    ledger, tables = part(package, "ledger"), part(package, "show.tables")
    write_run(package, folder, seed=0, error=8.0)
    write_run(package, folder, seed=1, error=9.0, resumed_at=[5])
    write_run(package, folder, "plain20", "sprint", error=0.5, dataset="shapes", seconds=90.0)
    runs = runs_in(package, folder)
    head, first, second = str(tables.ledger_table(ledger.rows(runs))).splitlines()
    assert re.split(r"  +", first) == [
        *("resnet20", "cifar10", "paper", "8.50 ± 0.71", "8.75", "0, 1"),
        *("1,234", "float32", "CPU, a CPU, 2 threads", "15, resumed 1×"),
        ", ".join(str(run.folder) for run in runs[-2:]),
    ]
    assert re.split(r"  +", second)[:6] == ["plain20", "shapes", "sprint", "0.50", "–", "0"]
    assert re.search(r" 1.5  \S+-s0$", second) and head.index("precision") == first.index("float32")
    page = tables.ledger_table(ledger.rows(runs), "../records/runs")._repr_markdown_()
    assert page.splitlines()[1].count("|") == page.splitlines()[2].count("|") == 12
    for seed in (0, 1):
        assert f"[s{seed}](../records/runs/resnet20-cifar10-paper-s{seed}/record.json)" in page
    missing = tables.missing_table(ledger.not_made(runs))
    assert ("resnet20", "cifar10", "paper", "not made", "8.75", "2") in missing.rows
    assert all(row[3] == "not made" for row in missing.rows)


def check_recipes_in_words(package):
    recipes, words = part(package, "recipes"), part(package, "show.tables").schedule_words
    assert words(recipes.PAPER) == "0.1, ÷10 at 32,000 and at 48,000"
    assert words(recipes.PAPER_WARM).endswith("; 0.01 until the training error is below 80 %")
    assert words(recipes.SPRINT) == "0 to 0.05 over 100 iterations, then down to 0 at the end"
    names = [row[0] for row in part(package, "show.tables").recipe_table().rows]
    assert names == list(recipes.RECIPES)


def check_summary(package, folder):
    """More, less or the same as the paper, and nothing said where it gives no number."""
    ledger, tables = part(package, "ledger"), part(package, "show.tables")
    write_run(package, folder, "plain20", "short")
    runs = runs_in(package, folder)
    text = tables.summary(ledger.rows(runs), ledger.not_made(runs))
    left = len(ledger.PLANNED) - 1
    assert text.startswith(f"1 run is finished. Of the {left + 1} planned, {left} are **not made**")
    assert "For none of the finished does the paper report an error" in text
    for network, error in (("resnet20", 9.0), ("resnet32", 7.5), ("resnet44", 7.17)):
        write_run(package, folder, network, error=error)
    runs = runs_in(package, folder)
    text = tables.summary(ledger.rows(runs), ledger.not_made(runs))
    assert "ResNet-20, recipe paper, in float32: 9.00 %" in text
    assert "0.25 points more than the paper's 8.75 %" in text
    assert "0.01 points less than the paper's 7.51 %" in text
    assert "the same as the paper's 7.17 %" in text
