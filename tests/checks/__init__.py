"""What must hold of the library, as functions that take the package.

The tests call them with `resnet_edu`; `test_planted_faults.py` calls the same functions with copies
that each have one fault, and each of those must fail. So no check imports the package by name.
"""

import importlib
from types import ModuleType


def part(package: ModuleType, name: str) -> ModuleType:
    """The module `name` of the package: part(package, "data.augment")."""
    return importlib.import_module(f"{package.__name__}.{name}")
