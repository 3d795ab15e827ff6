"""The house rules of the library that a program can check."""

import ast
import importlib

import pytest
from conftest import ROOT

LIBRARY = ROOT / "resnet_edu"
# Each may import only from those before it; a folder's own modules come before the folder.
ORDER = [
    *("files", "blocks", "resnet"),
    *("data.augment", "data.shapes", "data.cifar", "data.archives", "data.batches"),
    *("data.sources", "data.dataset", "data.cache", "data.download", "data"),
    *("recipes", "evaluate", "checkpoint", "speed", "update", "train", "resume"),
    *("records", "stop", "streams", "plans", "runs", "sweep", "paper", "ledger"),
    *("trace", "predict", "study", "show", "exercises", "commands", "__main__"),
]
FOLDERS = [path.parent.name for path in LIBRARY.glob("*/__init__.py")]
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")
    for path in LIBRARY.rglob("*.py")
    if path.parent != LIBRARY or path.name != "__init__.py"
)
# What a book needs and a library must not.
OF_THE_BOOK = {"torchinfo", "IPython", "ipywidgets", "nbformat", "nbclient", "notebook", "jupyter"}


def path_of(module):
    path = LIBRARY / (module.replace(".", "/") + ".py")
    return path if path.exists() else LIBRARY / module / "__init__.py"


def rank(module):
    """The place in the book's order: the most exact name that stands in ORDER."""
    while module not in ORDER:
        module, dot, _ = module.rpartition(".")
        assert dot, "a module that has no place in ORDER"
    return ORDER.index(module)


def imported(module):
    """The library's modules that this one imports, by their names within it; and other names."""
    ours, others = set(), set()
    package = module.split(".") if module in FOLDERS else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            others |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level]
            base += node.module.split(".") if node.module else []
            for name in node.names:
                whole = ".".join([*base, name.name])
                if base or whole in MODULES:
                    ours.add(whole if whole in MODULES else ".".join(base))
    return ours, others


def test_every_module_has_its_place():
    assert len(MODULES) >= len(ORDER) - 3
    for module in MODULES:
        rank(module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    ours, others = imported(module)
    assert "resnet_edu" not in others, "the library's own imports are relative"
    for other in ours:
        same_folder = rank(other) == rank(module)  # one of show/ may import another
        assert rank(other) < rank(module) or same_folder, f"{module} imports {other}"


def test_imports_are_seen():
    """The rule above looks at something."""
    assert imported("resnet")[0] == {"blocks"}
    assert {"data.sources", "data.cache", "data.download"} <= imported("data")[0]
    assert {"data", "recipes", "runs", "sweep"} <= imported("commands.train")[0]
    assert "commands.train" in imported("__main__")[0]


@pytest.mark.parametrize("module", MODULES)
def test_the_library_needs_nothing_of_the_book(module):
    assert not imported(module)[1] & OF_THE_BOOK


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_longer_than_one_sitting(module):
    assert len(path_of(module).read_text(encoding="utf-8").splitlines()) <= 250


def public(body):
    """(name, node) of public functions, classes and their methods, as deep as classes go."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            yield from ((f"{node.name}.{name}", inner) for name, inner in public(node.body))
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node


# Their meaning is PyTorch's.
OVERRIDES = {"forward", "extra_repr"}


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_documented_and_typed(module):
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module says nothing of itself"
    for name, node in public(tree.body):
        assert ast.get_docstring(node) or name.rpartition(".")[2] in OVERRIDES, name
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            untyped = [a.arg for a in arguments if a.annotation is None and a.arg != "self"]
            assert not untyped and node.returns is not None, f"{name}: {untyped or 'return'}"


def test_modules_import():
    for module in MODULES:
        importlib.import_module(f"resnet_edu.{module}")
