"""Drawings of blocks, made from the blocks themselves, that follow the page's theme."""

import html
from dataclasses import dataclass

from torch import nn

from ..blocks import NoShortcut, PadShortcut, ProjectionShortcut
from ..trace import Row, Trace, shape_text, trace

WIDTH, BOX_WIDTH, BOX, GAP = 300, 152, 30, 16  # of a drawing, in its own units
MIDDLE = 84  # where the residual branch runs
BESIDE = 230  # where the shortcut runs


@dataclass(frozen=True)
class Drawing:
    """One or more SVG drawings side by side, with a caption; a notebook and a page show it alike.

    `alt` says in words what the drawings show.
    """

    svgs: tuple[str, ...]
    alt: str
    caption: str

    def __repr__(self) -> str:
        return f"Drawing: {self.alt}"

    def _repr_html_(self) -> str:
        row = "display:flex;flex-wrap:wrap;gap:1rem 2.5rem;justify-content:center"
        return (
            f'<figure class="drawing" role="group" aria-label="{html.escape(self.alt)}">'
            f'<div style="{row}">{"".join(self.svgs)}</div>'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )


def draw_blocks(
    blocks: dict[str, nn.Module], shape: tuple[int, int, int], alt: str, caption: str
) -> Drawing:
    """The blocks side by side, each under its title, with the shapes that really flow.

    `shape` is (channels, height, width) of what enters. Each block is one of `resnet_edu.blocks`,
    or anything built like one: a `residual` of layers in a row, a `shortcut`, a `relu`.
    """
    svgs = tuple(_draw(title, block, shape) for title, block in blocks.items())
    return Drawing(svgs, alt, caption)


def _draw(title: str, block: nn.Module, shape: tuple[int, int, int]) -> str:
    flow = trace(block, shape, depth=2)
    layers = [row for row in flow if row.name.startswith("residual.")]
    top = 74
    plain = isinstance(block.shortcut, NoShortcut)
    width = 2 * MIDDLE if plain else WIDTH
    parts = [
        _text(MIDDLE, 20, title, "font-weight:600"),
        _text(MIDDLE, 44, f"x: {shape_text(shape)}"),
        _line(MIDDLE, 52, MIDDLE, top, arrow=True),
    ]
    y = top
    for i, row in enumerate(layers):
        module = block.residual[i]
        parts.append(_box(MIDDLE, y, _label(module, row), _colour(module)))
        y += BOX
        if i < len(layers) - 1:
            parts.append(_line(MIDDLE, y, MIDDLE, y + GAP))
            y += GAP
    plus = y + 44
    parts.append(_text(MIDDLE + 10, y + 20, "F(x)", "font-style:italic", anchor="start"))
    parts.append(_line(MIDDLE, y, MIDDLE, plus - 11, arrow=not plain))
    parts += _draw_shortcut(block.shortcut, flow, 60, plus, (top + y) / 2)
    y = plus + 11
    parts.append(_line(MIDDLE, y, MIDDLE, y + 20, arrow=True))
    y += 20
    parts.append(_box(MIDDLE, y, "ReLU", _colour(block.relu)))
    parts.append(_line(MIDDLE, y + BOX, MIDDLE, y + BOX + 24, arrow=True))
    y += BOX + 42
    parts.append(_text(MIDDLE, y, shape_text(flow[""].output_shape)))
    height = y + 12
    return (
        f'<svg viewBox="0 0 {width} {height:g}" width="{width}" style="max-width:100%;height:auto" '
        f'aria-hidden="true" font-family="inherit" font-size="13" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _draw_shortcut(
    shortcut: nn.Module, flow: Trace, start: float, plus: float, middle: float
) -> list[str]:
    """The branch beside, from the line above the first layer to the addition; or nothing."""
    if isinstance(shortcut, NoShortcut):
        # A plain block adds nothing, so there is nothing to draw but the line that goes on.
        return [_line(MIDDLE, plus - 11, MIDDLE, plus + 11)]
    path = f"M{MIDDLE} {start}H{BESIDE - 12}q12 0 12 12V{plus - 12:g}q0 12 -12 12H{MIDDLE + 14}"
    parts = [
        f'<path d="{path}" fill="none" stroke="#2a6fbb" stroke-width="3"/>',
        _tip(MIDDLE + 11, plus, "left", "#2a6fbb"),
        f'<circle cx="{MIDDLE}" cy="{plus:g}" r="11" fill="none" stroke="currentColor" '
        'stroke-width="1.5"/>',
        _line(MIDDLE - 6, plus, MIDDLE + 6, plus),
        _line(MIDDLE, plus - 6, MIDDLE, plus + 6),
    ]
    output = shape_text(flow["shortcut"].output_shape)
    if isinstance(shortcut, PadShortcut):
        kind = "every 2nd pixel" if shortcut.stride == 2 else f"stride {shortcut.stride}"
        zeros = f"{shortcut.before} + {shortcut.after} zero maps"
        lines = ["option A", kind, zeros, "0 parameters"]
    elif isinstance(shortcut, ProjectionShortcut):
        convolution = shortcut[0]
        lines = [
            "option B",
            f"conv 1×1, stride {convolution.stride[0]}",
            "batch norm",
            f"{flow['shortcut'].parameters:,} parameters",
        ]
    else:
        return [*parts, _text(BESIDE + 8, middle, "x", "font-style:italic", anchor="start")]
    height = 20 * len(lines) + 14
    top = middle - height / 2
    parts.append(
        f'<rect x="{BESIDE - 62}" y="{top:g}" width="124" height="{height}" rx="6" fill="#2a6fbb"/>'
    )
    for i, line in enumerate(lines):
        parts.append(_text(BESIDE, top + 22 + 20 * i, line, "fill:#fff"))
    return [*parts, _text(BESIDE, plus + 24, output)]


def _label(module: nn.Module, row: Row) -> str:
    if isinstance(module, nn.Conv2d):
        kernel, stride = module.kernel_size[0], module.stride[0]
        moves = f", stride {stride}" if stride > 1 else ""
        return f"conv {kernel}×{kernel}, {row.output_shape[0]}{moves}"
    return {"BatchNorm2d": "batch norm", "ReLU": "ReLU"}.get(row.kind, row.kind)


def _colour(module: nn.Module) -> str:
    """Dark enough for white text on it: 4.5 to 1 and more."""
    if isinstance(module, nn.Conv2d):
        return "#a4491d"
    return "#6b7280" if isinstance(module, nn.BatchNorm2d) else "#69771f"


def _box(x: float, y: float, label: str, colour: str) -> str:
    return (
        f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX}" rx="6" '
        f'fill="{colour}"/>' + _text(x, y + 20, label, "fill:#fff")
    )


def _line(x1: float, y1: float, x2: float, y2: float, arrow: bool = False) -> str:
    end = y2 - 4 if arrow else y2
    line = (
        f'<path d="M{x1:g} {y1:g}L{x2:g} {end:g}" stroke="currentColor" stroke-width="1.5" '
        'fill="none"/>'
    )
    return line + (_tip(x2, y2, "down", "currentColor") if arrow else "")


def _tip(x: float, y: float, way: str, colour: str) -> str:
    corners = "l-5 -8h10z" if way == "down" else "l8 -5v10z"
    return f'<path d="M{x:g} {y:g}{corners}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "middle") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" style="{style}">'
        f"{html.escape(text)}</text>"
    )
