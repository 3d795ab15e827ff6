"""The built pages, without a browser: all there, all links good, nothing loaded from elsewhere.

And the notebooks as files: run, free of what belongs to one machine, agreed on the address.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from chapters import NOTEBOOKS
from pages import ROOT, build_book, toc_pages

# Cells that store no output, by notebook; to add one, say here why it may not.
NO_STORE: dict[str, set[str]] = {
    # Pictures of CIFAR-10, which are never committed; the page's own build runs these.
    "gallery": {"gallery-load", "gallery-samples", "gallery-views", "gallery-mistakes"},
}


@pytest.fixture(scope="session")
def pages(book) -> dict[Path, BeautifulSoup]:
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(book.rglob("*.html"))
        if "_static" not in path.parts
    }


def by_name(book, pages) -> dict[str, BeautifulSoup]:
    return {path.relative_to(book).with_suffix("").as_posix(): page for path, page in pages.items()}


def test_every_page_of_the_toc_and_no_other(book, pages):
    made_by_sphinx = {"index", "genindex", "py-modindex", "search"}
    assert set(by_name(book, pages)) - made_by_sphinx == set(toc_pages())
    assert len(toc_pages()) == len(set(toc_pages()))


def test_internal_links_and_their_anchors(book, pages):
    anchors = {
        path: {tag["id"] for tag in page.find_all(id=True)} | {"", "top"}
        for path, page in pages.items()
    }
    broken = []
    for path, page in pages.items():
        for link in page.find_all("a", href=True):
            target = urlsplit(link["href"])
            if target.scheme or target.netloc or link["href"] == "#":
                continue
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            if not file.exists() or unquote(target.fragment) not in anchors.get(file, {""}):
                broken.append(f"{path.relative_to(book)}: {link['href']}")
    assert not broken


# An address in an attribute, and code that fetches from one.
ADDRESS = re.compile(r"^\s*(https?:)?//")
FETCH = re.compile(
    r"""(@import\s*|url\(\s*|fetch\(\s*|import\(\s*|from\s*["']|src\s*=\s*)["']?(https?:)?//"""
)


def loaded_from_elsewhere(page: BeautifulSoup) -> list[str]:
    """What a page itself asks another server for; an ordinary link is followed by its reader."""
    found = []
    for tag in page.find_all(True):
        for name in ("src", "srcset", "href", "data", "poster"):
            if tag.name != "a" and ADDRESS.match(tag.get(name, "")):
                found.append(tag[name])
        code = tag.get("style", "")
        if tag.name in ("script", "style"):
            code += tag.string or ""
        found += [match.group() for match in FETCH.finditer(code)]
    return found


def test_pages_load_nothing_from_elsewhere(book, pages):
    outside = {path.name: loaded_from_elsewhere(page) for path, page in pages.items()}
    for path in [*book.rglob("*.css"), book / "_static" / "page.js"]:
        text = path.read_text(encoding="utf-8")
        outside[path.name] = [match.group() for match in FETCH.finditer(text)]
    assert {name: found for name, found in outside.items() if found} == {}


def test_titles_alt_texts_and_captions(book, pages):
    wanting = []
    for name, page in by_name(book, pages).items():
        if name == "index":  # only sends on to the title page
            continue
        article = page.find("article") or page.find(id="main-content")
        if not (page.title and page.title.get_text(strip=True)):
            wanting.append(f"{name}: no title")
        if name in toc_pages() and len(article.find_all("h1")) != 1:
            wanting.append(f"{name}: not exactly one heading of the first level")
        # Where an author gives none, Sphinx takes the file's name, which tells nobody anything.
        wanting += [
            f"{name}: no alt text for {image['src'][:80]}"
            for image in article.find_all("img")
            if not image.get("alt", "").strip() or image["alt"] in image["src"]
        ]
        for figure in article.find_all("figure"):
            caption = figure.find("figcaption")
            if not (caption and caption.get_text(strip=True)):
                wanting.append(f"{name}: a figure without a caption")
        # A drawing in the page speaks for itself, or is hidden from those who cannot see it.
        for drawing in article.find_all("svg"):
            named = drawing.get("aria-label") or drawing.get("aria-labelledby")
            if not (named and drawing.get("role") == "img") and not drawing.get("aria-hidden"):
                wanting.append(f"{name}: a drawing without role and name")
    assert not wanting


def test_plots_of_a_chapter_stand_in_figures(book, pages):
    loose = [
        f"{name}: {image.get('src')}"
        for name, page in by_name(book, pages).items()
        if name.startswith("notebooks/")
        for image in page.select(".cell_output img")
        if not image.find_parent("figure")
    ]
    assert not loose


# The notebooks as files


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_code_cell_was_run(path):
    no_store = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        if "no-store" in cell.metadata.get("tags", []):
            no_store.add(cell.id)
            assert not cell.outputs and cell.execution_count is None, cell.source
        else:
            # Without a stored execution, nbval would pass the cell and compare nothing.
            assert cell.execution_count is not None, f"never run: {cell.source}"
    assert no_store == NO_STORE.get(path.stem, set())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_hold_nothing_of_one_machine(path):
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec == {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    # With the lexer that knows lines beginning with % or !, which Python's takes for errors.
    assert notebook.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert not re.search(r"(?<![\w.:/~-])/(home|root|Users|tmp|usr|opt|mnt|work)/", text)
    assert not re.search(r"[A-Z]:\\\\", text)


def test_api_page_shows_every_module():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "resnet_edu").rglob("*.py")
    }
    # The packages of names and the command line have nothing of their own to document.
    without_members = {"resnet_edu", "resnet_edu.__main__", "resnet_edu.show", "resnet_edu.study"}
    text = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    commands = {name for name in modules if name.startswith("resnet_edu.commands")}
    documented = set(re.findall(r"automodule:: (\S+)", text))
    assert documented == modules - without_members - commands


def test_toc_names_every_notebook():
    assert {f"notebooks/{path.stem}" for path in NOTEBOOKS} <= set(toc_pages())


def test_cover_is_drawn_from_the_network():
    drawn = subprocess.run(
        [sys.executable, ROOT / "tools" / "cover.py"], capture_output=True, text=True, check=True
    )
    assert drawn.stdout == (ROOT / "book" / "_static" / "cover.svg").read_text(encoding="utf-8")


# The repository's address


def load_tool():
    spec = importlib.util.spec_from_file_location("set_address", ROOT / "tools/set_address.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def addresses(root: Path) -> dict[str, str]:
    """The address in each place that holds it, read without the tool that writes it."""
    config = yaml.safe_load((root / "_config.yml").read_text())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    found = {
        "_config.yml": config["repository"]["url"],
        "pyproject.toml": project.get("urls", {}).get("Repository", ""),
    }
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        first = next(cell.source for cell in cells if cell.cell_type == "code")
        found[path.name] = re.search(r'^REPOSITORY = "(.*?)"', first, re.MULTILINE)[1]
    return found


def test_all_places_agree_on_the_address():
    found = addresses(ROOT)
    assert set(found.values()) == {found["_config.yml"]}


def test_launch_buttons_only_with_an_address(book, pages):
    if addresses(ROOT)["_config.yml"]:
        pytest.skip("an address is set")
    for path, page in pages.items():
        assert not page.select(".dropdown-launch-buttons"), path
        assert not page.find("a", href=re.compile("colab.research.google.com")), path


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in ("_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("book", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "records").symlink_to(ROOT / "records")  # the page Results links to them
    if (ROOT / "README.md").exists():
        shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_tool_sets_and_unsets_the_address_everywhere(copy):
    tool, url = load_tool(), "https://github.com/some-one/their-copy"
    tool.write(copy, "")
    unset = files(copy)
    tool.write(copy, url)
    assert set(addresses(copy).values()) == {url}
    once = files(copy)
    tool.write(copy, url)
    assert files(copy) == once
    tool.write(copy, "")
    assert files(copy) == unset


def test_with_an_address_chapters_get_a_launch_button(copy, tmp_path_factory):
    load_tool().write(copy, "https://github.com/some-one/their-copy")
    built = build_book(copy, tmp_path_factory.mktemp("with-address"))
    colab = "https://colab.research.google.com/github/some-one/their-copy/blob/main"
    for path in NOTEBOOKS:
        page = (built / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        buttons = BeautifulSoup(page, "html.parser").select(".dropdown-launch-buttons a")
        assert [link["href"] for link in buttons] == [f"{colab}/notebooks/{path.name}"]


@pytest.mark.parametrize(
    "wrong",
    [
        "http://github.com/a/b",
        "https://gitlab.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/tree/main",
        'https://github.com/a/b"; import os',
        "a/b",
    ],
)
def test_the_tool_refuses_what_is_no_address(wrong):
    with pytest.raises(ValueError, match="https://github.com/OWNER/NAME") as error:
        load_tool().check(wrong)
    assert repr(wrong) in str(error.value)


@pytest.mark.parametrize("tail", ["", "/", ".git"])
def test_the_tool_takes_the_usual_ways_to_write_an_address(tail):
    assert load_tool().check(f"https://github.com/a/b.c{tail}") == "https://github.com/a/b.c"
