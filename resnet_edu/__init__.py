"""ResNet, Block by Block: the small library under the book.

The modules stand in the book's order, and each imports only from those before it: `blocks`,
`resnet`; `data`; `recipes`, `evaluate`, `checkpoint`, `speed`, `update`, `train`, `resume`;
`records`, `runs`, `sweep`, `ledger`; `trace`, `predict`; `study`; `show`; `exercises`; `commands`.
"""

from .resnet import (
    plain20,
    plain32,
    plain44,
    plain56,
    plain110,
    resnet18,
    resnet20,
    resnet32,
    resnet44,
    resnet50,
    resnet56,
    resnet110,
)

__version__ = "0.1.0"

__all__ = [
    "plain20",
    "plain32",
    "plain44",
    "plain56",
    "plain110",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnet110",
]
