"""The appendices about the chapters: as the tools make them, and true of the chapters."""

import ast
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from chapters import CHAPTERS, cards
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import handout  # noqa: E402
import mark  # noqa: E402
import overview  # noqa: E402

KNOWN = overview.read_chapters()


# What is generated


def test_generated_files_are_as_the_tool_makes_them():
    for path, text in overview.write().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run tools/overview.py"


def test_every_chapter_is_known_and_comes_after_what_it_needs():
    order = [chapter.stem for chapter in KNOWN]
    assert sorted(order) == [path.stem for path in CHAPTERS]
    for chapter in KNOWN:
        for needed in chapter.needs:
            assert order.index(needed) < order.index(chapter.stem)


def test_needs_are_drawn_once():
    chapters = [
        overview.Chapter(stem, "Part", stem.upper(), 1, 1, 1, needs)
        for stem, needs in {"a": (), "b": ("a",), "c": ("a", "b"), "d": ("c", "a")}.items()
    ]
    assert overview.direct(chapters) == {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}
    drawn = overview.draw(chapters)
    assert drawn.count('class="need"') == 3
    assert "D needs C." in drawn and "A needs no other chapter." in drawn


def test_card_that_says_too_little_is_named():
    card = "# Title\n\n**You need** nothing.\n\n**Reading** 10 minutes"
    with pytest.raises(ValueError, match="the card of x does not say exercises"):
        overview.read_card(card, "x", "Part")


def test_chapter_without_a_measurement_is_named():
    measured = {"rows": [{"chapter": KNOWN[0].stem, "seconds": 9.0, "peak_mb_so_far": 900}]}
    with pytest.raises(ValueError, match=f"the seconds of {KNOWN[1].stem}.* were not measured"):
        overview.seconds(KNOWN, measured)


@pytest.mark.parametrize(
    ("total", "words"), [(0, "0 min"), (35, "35 min"), (60, "1 h"), (155, "2 h 35 min")]
)
def test_hours(total, words):
    assert overview._hours(total) == words


def test_plans_name_chapters_and_add_up():
    text = overview.plans(KNOWN)
    whole = sum(chapter.reading for chapter in KNOWN)
    assert f"All of them: {overview._hours(whole)} of reading" in text
    stems = [stem for _, names in overview.PLANS.values() for stem in names]
    assert set(stems) <= {chapter.stem for chapter in KNOWN}


@pytest.mark.parametrize("name", overview.PLANS)
def test_plan_brings_what_its_chapters_need(name):
    needs = {chapter.stem: set(chapter.needs) for chapter in KNOWN}
    stems = overview.PLANS[name][1] or list(needs)
    for i, stem in enumerate(stems):
        assert needs[stem] <= set(stems[:i])


def test_cards_say_what_was_measured():
    rows = yaml.safe_load(overview.TIMES.read_text())["rows"]
    measured = {row["chapter"]: row["seconds"] for row in rows}
    for chapter in KNOWN:
        # A card rounds, and machines vary; a chapter that has grown is told.
        seconds = measured[chapter.stem]
        assert seconds < 60
        assert abs(seconds - chapter.running) <= max(6, 0.35 * chapter.running), chapter.stem


# The pages


def page(name: str) -> str:
    return (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")


def test_glossary_is_in_order():
    terms = re.findall(r"^(\S.*)\n: ", page("glossary"), re.MULTILINE)
    assert len(terms) > 40
    assert terms == sorted(terms, key=str.casefold)
    assert len(set(terms)) == len(terms)


def messages() -> list[str]:
    """Every text in the library and the Makefile, with … for what is filled in."""
    found = re.findall(r'echo "([^"]+)"', (ROOT / "Makefile").read_text())
    found = [re.sub(r"'\$.*?\)'|\$\$\(.*?\)|\$\(.*?\)", "…", text) for text in found]
    for path in (ROOT / "resnet_edu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(
                        getattr(part, "value", "…") if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    )
                )
    return [" ".join(text.split()) for text in found]


# What others say: PyTorch, Python, a browser's console.
THEIRS = {
    "operator torchvision::nms does not exist",
    "No module named 'resnet_edu'",
    "torch.cuda.is_available()",
    "False",
    "make book",
}


def test_messages_that_troubleshooting_explains_are_the_ones_we_give():
    said = messages()
    headings = re.findall(r"^### (.*)$", page("troubleshooting"), re.MULTILINE)
    quoted = {quote for heading in headings for quote in re.findall(r"`([^`]+)`", heading)}
    assert len(quoted) > 12
    unknown = []
    for quote in quoted - THEIRS:
        pieces = [re.escape(piece.strip("' ")) for piece in quote.split("…") if piece.strip("' ,.")]
        pattern = re.compile(".*".join(pieces))
        if not any(pattern.search(text) for text in said):
            unknown.append(quote)
    assert unknown == []


# Handing out and marking


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_handout_has_everything_but_the_solutions(path):
    made = handout.handout(nbformat.read(path, as_version=4))
    text = "\n".join(cell.source for cell in made.cells)
    known = cards(path)
    assert 'class="solution"' not in text
    for card in known:
        assert card.solution.strip() not in text
        assert f"exercises.{card.check}(" in text
    assert text.count('class="hint"') == 3 * len(known)
    assert not any(cell.get("outputs") for cell in made.cells)
    nbformat.validate(made)
    bare = handout.handout(nbformat.read(path, as_version=4), hints=False)
    assert not any('class="hint"' in cell.source for cell in bare.cells)


def run(tool: str, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "tools" / f"{tool}.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_handout_overwrites_nothing(tmp_path):
    first = run("handout", ROOT / "notebooks/stem.ipynb", "--to", tmp_path)
    assert first.returncode == 0
    (tmp_path / "stem.ipynb").write_text("a student's work")
    again = run("handout", ROOT / "notebooks/stem.ipynb", "--to", tmp_path)
    assert again.returncode == 1 and "is there already" in again.stderr
    assert (tmp_path / "stem.ipynb").read_text() == "a student's work"
    shutil.copy(ROOT / "README.md", tmp_path / "no.ipynb")
    wrong = run("handout", tmp_path / "no.ipynb", "--to", tmp_path / "new")
    assert wrong.returncode == 1 and "cannot be made a handout" in wrong.stderr


RIGHT = """\
def block_parameters(in_channels, channels, shortcut):
    count = 9 * in_channels * channels + 9 * channels * channels + 4 * channels
    projects = shortcut == "B" and in_channels != channels
    return count + (in_channels * channels + 2 * channels if projects else 0)


"""


CHECK = "exercises.block_parameters"
CALL = f"{CHECK}(block_parameters)"


def answers(*sources: str) -> nbformat.NotebookNode:
    """A notebook with a chapter's exercises imported, and cells of these sources."""
    first = "from resnet_edu.exercises import residual_block as exercises"
    cells = [nbformat.v4.new_code_cell(source) for source in (first, *sources)]
    return nbformat.v4.new_notebook(cells=cells)


def marked(folder, *options) -> tuple[subprocess.CompletedProcess, dict]:
    """What `mark.py` does with the notebooks in a folder; mark and words by notebook and check."""
    done = run("mark", *options, *sorted(folder.glob("*.ipynb")))
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert tuple(head) == mark.COLUMNS
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    return done, {(path, name): (given, words) for path, name, given, words in rows}


def test_marks_are_what_the_checks_say(tmp_path):
    for name, answer in {"a": RIGHT, "b": RIGHT.replace(" + 4 * channels", "")}.items():
        notebook = answers(answer + CALL, "exercises.make_identity(nobody_wrote_this)")
        stored = nbformat.v4.new_output(
            "execute_result", data={"text/plain": "Right. I say so."}, execution_count=1
        )
        notebook.cells[1].outputs = [stored]
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    before = (tmp_path / "a.ipynb").read_bytes()
    (tmp_path / "c.ipynb").write_text("no notebook")
    done, marks = marked(tmp_path)
    assert done.returncode == 1 and "c.ipynb cannot be read as a notebook" in done.stderr
    a, b = (str(tmp_path / f"{name}.ipynb") for name in "ab")
    assert marks[a, "block_parameters"][0] == "right"
    assert marks[b, "block_parameters"][0] == "not yet"
    assert "the convolutions alone" in marks[b, "block_parameters"][1]
    assert marks[a, "make_identity"][0] == "failed"
    assert "NameError" in marks[a, "make_identity"][1]
    assert marks[a, "bottleneck"] == ("no answer", "its cell is gone")
    assert (tmp_path / "a.ipynb").read_bytes() == before


def test_mark_does_not_hang_on_how_the_check_was_asked(tmp_path):
    stub = "def block_parameters(in_channels, channels, shortcut):\n    ...\n\n\n"
    sources = {
        "stub": (stub + CALL,),
        "behind": (RIGHT + CALL + "\nprint('hello')\n3",),
        "printed": (RIGHT + f"print({CALL})",),
        "kept": (RIGHT + f"verdict = {CALL}",),
        "two tries": (stub + CALL, RIGHT + CALL, "exercises.block_parameters(None)"),
        "no Python": ("def block_parameters(:\n    3\n" + CALL,),
        "magic": (RIGHT + "%precision 3\n" + CALL,),
        "in a function": (f"{RIGHT}def look(f):\n    return {CHECK}(f)\nlook(block_parameters)",),
        "two at once": (f"{RIGHT}exercises.make_identity(None)\n{CALL}",),
    }
    for name, cells in sources.items():
        nbformat.write(answers(*cells), tmp_path / f"{name}.ipynb")
    _, marks = marked(tmp_path)
    found = {
        name: marks[str(tmp_path / f"{name}.ipynb"), "block_parameters"][0] for name in sources
    }
    assert found == {
        **dict.fromkeys(sources, "right"),
        "stub": "no answer",
        "no Python": "failed",
    }
    stub, both = (str(tmp_path / f"{name}.ipynb") for name in ("stub", "two at once"))
    assert "Nothing is here so far" in marks[stub, "block_parameters"][1]
    assert marks[both, "make_identity"][0] == "not yet"


def test_cell_that_hangs_costs_no_other_exercise(tmp_path):
    hangs = "import time; time.sleep(60)\nexercises.make_identity(None)"
    nbformat.write(answers(hangs, RIGHT + CALL), tmp_path / "a.ipynb")
    # One that cannot be interrupted ends the run, or it would never end.
    stubborn = """\
import time
while True:
    try:
        time.sleep(1)
    except KeyboardInterrupt:
        pass
exercises.make_identity(None)"""
    nbformat.write(answers(stubborn, RIGHT + CALL), tmp_path / "b.ipynb")
    dies = "import os; os._exit(1)\nexercises.make_identity(None)"
    nbformat.write(answers(dies, RIGHT + CALL), tmp_path / "c.ipynb")
    done, marks = marked(tmp_path, "--seconds", "5")
    assert done.returncode == 0
    a, b, c = (str(tmp_path / f"{name}.ipynb") for name in "abc")
    assert marks[a, "make_identity"] == ("failed", "took more than 5 seconds")
    assert marks[a, "block_parameters"][0] == "right"
    assert marks[b, "make_identity"] == ("failed", "took more than 5 seconds")
    assert marks[b, "block_parameters"] == ("failed", "a cell before it could not be stopped")
    assert marks[c, "make_identity"] == ("failed", "the kernel died")
    assert marks[c, "block_parameters"] == ("failed", "the kernel had died before it")
