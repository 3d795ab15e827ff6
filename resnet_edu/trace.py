"""Every module's shapes, parameters, multiply-adds and receptive field, from one forward pass."""

import html
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .blocks import NoShortcut
from .evaluate import evaluating

HEADINGS = ("module", "kind", "input", "output", "parameters", "multiply-adds", "sees")


@dataclass(frozen=True)
class Row:
    """One module on one picture.

    Shapes leave the batch out: (channels, height, width), or () for a plain block's zero.
    `parameters` and `multiply_adds` count the module with all it contains. Multiply-adds are those
    of convolutions and fully connected layers; batch norm, which can be folded into the
    convolution before it, biases, additions and pooling are not counted, as in the paper's table 1.
    `receptive_field` is the side, in pixels of the picture, of the square that one output value can
    depend on where the border does not cut it off.
    """

    name: str
    kind: str
    level: int  # 1 for the network's own parts
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADINGS`."""
        return (
            self.name,
            self.kind,
            shape_text(self.input_shape),
            shape_text(self.output_shape),
            f"{self.parameters:,}",
            f"{self.multiply_adds:,}",
            f"{self.receptive_field}",
        )


class Trace:
    """The rows of a traced network, and a table of them down to `depth` levels.

    Prints as text; a notebook shows it as a table. `trace["stage2.0"]` is one module's row, and
    iterating gives every row, whatever `depth` is. The network itself is the row named "".
    """

    def __init__(self, rows: list[Row], depth: int):
        self.rows, self.depth = rows, depth

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no module {name!r} was called; there is {self.rows[1].name!r} and so on")

    def _lines(self) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
        shown = [row.cells() for row in self.rows if 1 <= row.level <= self.depth]
        whole = self.rows[0]
        return shown, ("in all", *whole.cells()[1:])

    def __str__(self) -> str:
        shown, total = self._lines()
        lines = [HEADINGS, *shown, total]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        text = []
        for line in lines:
            left = [c.ljust(w) for c, w in zip(line[:4], widths[:4], strict=True)]
            right = [c.rjust(w) for c, w in zip(line[4:], widths[4:], strict=True)]
            text.append("  ".join(left + right))
        rule = "─" * len(text[0])
        return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown, total = self._lines()

        def line(cells: tuple[str, ...]) -> str:
            head, *rest = (html.escape(cell) for cell in cells)
            cells = "".join(f"<td>{cell}</td>" for cell in rest)
            return f'<tr><th scope="row">{head}</th>{cells}</tr>'

        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        body = "".join(line(cells) for cells in shown)
        return (
            f'<table class="trace"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody><tfoot>{line(total)}</tfoot></table>"
        )


def trace(network: nn.Module, shape: tuple[int, int, int] = (3, 32, 32), depth: int = 1) -> Trace:
    """What `network` does to one picture of `shape`, module by module, in the order it is built.

    Runs one forward pass in evaluation mode without gradients; batch-norm statistics and the
    network's mode are left as they were. Modules that are not called have no row.
    """
    rows: dict[str, Row] = {}
    parts = defaultdict(list)  # the multiply-adds of each module's parts, which end before it does

    def note(name: str, module: nn.Module, x: Tensor, output: Tensor) -> None:
        if not any(module.children()):
            output.field = _widened(module, x)
        rows[name] = Row(
            name,
            type(module).__name__,
            name.count(".") + 1 if name else 0,
            tuple(x.shape[1:]),
            tuple(output.shape[1:]),
            sum(p.numel() for p in module.parameters()),
            _multiply_adds(module, output) + sum(parts[name]),
            output.field[0],
        )
        parts[name.rpartition(".")[0]].append(rows[name].multiply_adds)

    handles = [
        module.register_forward_hook(
            lambda module, args, output, name=name: note(name, module, args[0], output)
        )
        for name, module in network.named_modules()
    ]
    first = next(network.parameters())
    picture = torch.zeros(1, *shape, device=first.device, dtype=first.dtype)
    picture.field = (1, 1)
    try:
        with torch.no_grad(), evaluating(network), _Fields():
            network(picture)
    finally:
        for handle in handles:
            handle.remove()
    ordered = [rows[name] for name, _ in network.named_modules() if name in rows]
    return Trace(ordered, depth)


def shape_text(shape: tuple[int, ...]) -> str:
    """(16, 32, 32) as "16 × 32 × 32"; the shape of a single number as "–"."""
    return " × ".join(map(str, shape)) or "–"


class _Fields(TorchFunctionMode):
    """While it is on, every tensor carries `field`: the side of what one of its values sees, and
    the step, in pixels of the picture, from one value to the next.

    What a function makes of several tensors (an addition) sees what the widest of them sees; what
    a module adds to that, `_widened` knows.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        fields = [arg.field for arg in args if isinstance(arg, Tensor) and hasattr(arg, "field")]
        if isinstance(output, Tensor) and fields and not hasattr(output, "field"):
            output.field = max(fields)
        return output


def _widened(module: nn.Module, x: Tensor) -> tuple[int, int]:
    """The field of the output of a module without parts, given its input."""
    side, step = x.field
    if isinstance(module, NoShortcut):
        return 0, step
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return side + (x.shape[-1] - 1) * step, step * x.shape[-1]
    if hasattr(module, "stride"):  # a shortcut of option A strides without a kernel
        kernel, stride = _first(getattr(module, "kernel_size", 1)), _first(module.stride)
        gap = _first(getattr(module, "dilation", 1))
        return side + (kernel - 1) * gap * step, step * stride
    return side, step


def _first(value: int | tuple[int, ...]) -> int:
    return value[0] if isinstance(value, tuple) else value


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    """Those of one picture in this very module, its parts not counted."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * prod(output.shape[2:])  # each weight once a position
    if isinstance(module, nn.Linear):
        return module.weight.numel()
    return 0
