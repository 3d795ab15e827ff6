"""Building the book and listing its pages, for the tests that look at them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent


def toc_pages() -> list[str]:
    """The pages that `_toc.yml` names, in order, without endings: "book/index", …"""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [re.sub(r"\.(md|ipynb)$", "", name) for name in [toc["root"], *names]]


def build_book(source: Path, output: Path) -> Path:
    """The folder of the pages, built from `source` under `output` with warnings as errors."""
    program = Path(sys.executable).with_name("jupyter-book")
    options = ["-n", "-W", "--keep-going", "--path-output", str(output)]
    result = subprocess.run(
        [program, "build", *options, str(source)], capture_output=True, text=True
    )
    if result.returncode:
        pytest.fail(f"the book does not build:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return output / "_build" / "html"
