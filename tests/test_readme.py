"""The README and CONTRIBUTING are true where a program can tell."""

import re

import pytest
from conftest import ROOT

from resnet_edu.__main__ import _parser
from resnet_edu.ledger import PLANNED

PAGES = ["README.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = re.findall(r"`([\w./]+/[\w./]*|\w+\.(?:py|toml|yml))`", text)
    assert paths
    inside = (ROOT, ROOT / "resnet_edu")  # a row of the table goes on naming files of one folder
    assert [p for p in paths if not any((folder / p).exists() for folder in inside)] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_has_the_targets(page):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"[`$] ?make (\w+)", (ROOT / page).read_text(encoding="utf-8")))
    assert named and named <= targets


def test_every_chapter_stands_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{notebook.name})" in readme


def test_commands_are_understood():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ (?:\w+=\S+ )?\.venv/bin/resnet-edu (.+)$", readme, re.MULTILINE)
    assert {"train", "sweep", "predict", "records", "data"} <= {c.split()[0] for c in commands}
    for command in commands:
        options = _parser().parse_args(command.split())
        if command.startswith("train"):  # what is finished is not made again
            run = options.network, options.data, options.recipe.name, options.seed
            assert run not in PLANNED, command
