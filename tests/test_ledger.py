"""The ledger: its rows, tables and curves, the command that prints it, the page that shows it."""

import re

import nbformat
import pytest
from checks import ledger as checks
from checks.training import silent, tiny_training
from conftest import ROOT

import resnet_edu
from resnet_edu import ledger, records, resume
from resnet_edu.__main__ import main
from resnet_edu.show import tables
from resnet_edu.show.curves import draw_curves


@pytest.mark.parametrize(
    "check",
    [
        checks.check_seeds_share_a_row,
        checks.check_one_seed_has_no_spread,
        checks.check_all_machines_are_named,
        checks.check_what_differs_has_its_own_row,
        checks.check_a_name_means_one_thing,
        checks.check_the_paper_where_it_applies,
        checks.check_not_made,
        checks.check_curves,
        checks.check_what_was_not_measured_is_not_drawn,
        checks.check_names_do_not_lie_on_one_another,
        checks.check_only_what_compares_shares_a_figure,
        checks.check_tables,
        checks.check_summary,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_ledger(check, tmp_path):
    check(resnet_edu, tmp_path)


def test_recipes_in_words():
    checks.check_recipes_in_words(resnet_edu)


# The command


def test_the_command_prints_both_tables(tmp_path, capsys):
    checks.write_run(resnet_edu, tmp_path, error=8.6)
    assert main(["records", "--records", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    runs = records.read_runs(tmp_path)
    assert str(tables.ledger_table(ledger.rows(runs))) in shown
    assert f"not made:\n{tables.missing_table(ledger.not_made(runs))}\n" in shown


def test_records_without_a_run(tmp_path, capsys):
    assert main(["records", "--records", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"no finished run in {tmp_path / 'runs'}\n")


def test_records_that_are_not_there(tmp_path, capsys):
    assert main(["records", "--records", str(tmp_path / "nowhere")]) == 1
    line = capsys.readouterr().err
    assert "there is no folder" in line and "nowhere; name the one of the records" in line


def test_records_one_folder_too_deep(tmp_path, capsys):
    checks.write_run(resnet_edu, tmp_path, error=8.6)
    assert main(["records", "--records", str(tmp_path / "runs")]) == 1
    assert f"runs holds the runs themselves; name {tmp_path}, above" in capsys.readouterr().err


def test_records_name_what_is_under_way(tmp_path, capsys):
    """How far each is; a state that is damaged is named, and hides nothing."""
    folder = tmp_path / "under-way"
    folder.mkdir()
    training = tiny_training(resnet_edu)
    training.step()
    about = {"recipe": {"iterations": 64_000}}
    resume.save_state(folder / "b-s0.safetensors", training, about)
    training.run(silent)
    resume.save_state(folder / "c-s0.safetensors", training, about)
    for name in ("a-s0", "c-s0-best", ".d-s0"):
        (folder / f"{name}.safetensors").write_bytes(b"something else")
    assert main(["records", "--records", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("-s0: ") == 3
    assert re.search(r"on with it:\na-s0: .*a-s0.safetensors is no whole safetensors file", shown)
    error = training.metrics[-1].validation_error
    assert "\nb-s0: 1 of 64,000 iterations\n" in shown
    assert f"\nc-s0: 6 of 64,000 iterations, validation error {error:.2f} %\n" in shown


# The page


@pytest.fixture(scope="module")
def stored():
    """What the page shows: the texts of its outputs, by kind."""
    notebook = nbformat.read(ROOT / "notebooks" / "results.ipynb", as_version=4)
    return [
        data.get("text/markdown") or data.get("text/html")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for data in (output["data"] for output in cell.outputs)
    ]


def test_the_page_is_of_the_records(stored):
    """Whoever lands a record runs the page again: `make notebooks`."""
    runs = records.read_runs()
    rows, missing = ledger.rows(runs), ledger.not_made(runs)
    assert stored == [
        tables.summary(rows, missing),
        tables.ledger_table(rows, "../records/runs")._repr_markdown_(),
        tables.missing_table(missing)._repr_markdown_(),
        *(draw_curves(group)._repr_html_() for group in ledger.comparisons(runs)),
        tables.recipe_table()._repr_markdown_(),
    ]


def test_every_finished_run_is_on_the_page(stored):
    """Read without the ledger: each record's error and its link."""
    for run in records.read_runs():
        (line,) = [line for line in stored[1].splitlines() if f"/{run.name}/record.json" in line]
        last = run.record["results"]["last"]
        if line.count("](") == 1:
            assert f"| {last['test_error']:.2f} |" in line
        assert f"| {run.record['network']} | {run.record['dataset']} |" in line
