"""The code that a chapter writes out is the library's, but for docstrings and annotations."""

import ast

import chapters
import pytest

TAUGHT = [
    (notebook.stem, tag.removeprefix("taught:"), cell.source)
    for notebook in chapters.NOTEBOOKS
    for cell in chapters.cells(notebook, "taught:")
    for tag in cell.metadata["tags"]
    if tag.startswith("taught:")
]


def bare(tree: ast.AST) -> str:
    """The tree as text without docstrings and annotations."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            if isinstance(node, ast.FunctionDef):
                node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.dump(tree)


def definition(source: str, name: str) -> ast.AST:
    return next(node for node in ast.parse(source).body if getattr(node, "name", None) == name)


@pytest.mark.parametrize(("chapter", "what", "source"), TAUGHT, ids=[t[1] for t in TAUGHT])
def test_taught_code_is_the_librarys(chapter, what, source):
    module, name = what.rsplit(".", 1)
    library = (chapters.ROOT / "resnet_edu" / f"{module.replace('.', '/')}.py").read_text()
    assert bare(definition(source, name)) == bare(definition(library, name))


def test_the_residual_block_is_taught():
    assert {"blocks.BasicBlock", "blocks.PadShortcut", "blocks.ProjectionShortcut"} <= {
        what for _, what, _ in TAUGHT
    }


def test_a_difference_is_seen():
    taught = "def f(x: int) -> int:\n    'Doc.'\n    return x + 1"
    assert bare(ast.parse(taught)) == bare(ast.parse("def f(x):\n    return x + 1"))
    assert bare(ast.parse(taught)) != bare(ast.parse("def f(x):\n    return x - 1"))
