"""Draw the cover: ResNet-20 to scale, from the shapes that the real network has.

    python tools/cover.py > book/_static/cover.svg

One box per activation: its height and depth follow the activation's height and width, its length
the channels. One arc per shortcut, from a block's input to its output, where the two are added;
dotted where the shape changes on the way. Colours come from the page, so that the drawing follows
its theme.
"""

import torch
from torch import nn

from resnet_edu import resnet20

PIXEL, CHANNEL = 4.2, 1.05  # units of the drawing for a pixel's side and for a channel
SLANT = (0.42, 0.26)  # how far one unit of depth goes to the right and up
GAP = 21
FLOOR = 180  # where the boxes stand

TITLE = "ResNet-20 to scale"
TEXT = (
    "Eleven boxes from left to right: the picture, what the stem makes of it, and the output of "
    "each of nine blocks. They get lower and longer: four of 16 channels with 32 by 32 values, "
    "three of 32 with 16 by 16, three of 64 with 8 by 8. Nine arcs, the shortcuts, lead from each "
    "block's input to its output; two of them, where the shape changes, are dotted. The last, "
    "smallest box is the ten scores."
)


def shapes_of(network: nn.Module) -> list[tuple[int, int]]:
    """(channels, side) of the picture, of what the stem makes of it, and of each block's output."""
    shapes = [(3, 32)]

    def note(module, inputs, output):
        shapes.append((output.shape[1], output.shape[2]))

    for module in [network.stem, *(block for stage in network.stages for block in stage)]:
        module.register_forward_hook(note)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 32, 32))
    return shapes


class Box:
    """A box whose front face has its lower left corner on the floor at `x`."""

    def __init__(self, x: float, channels: int, side: int, kind: str = ""):
        self.kind = kind or f"width{channels}"
        self.left, self.right = x, x + channels * CHANNEL
        self.height = side * PIXEL
        self.depth = (self.height * SLANT[0], self.height * SLANT[1])

    def top(self) -> tuple[float, float]:
        """The middle of the front's upper edge, where shortcuts leave and arrive."""
        return (self.left + self.right) / 2, FLOOR - self.height

    def svg(self) -> str:
        (dx, dy), left, right, top = self.depth, self.left, self.right, FLOOR - self.height
        faces = {
            "front": [(left, top), (right, top), (right, FLOOR), (left, FLOOR)],
            "top": [(left, top), (left + dx, top - dy), (right + dx, top - dy), (right, top)],
            "side": [
                (right, top),
                (right + dx, top - dy),
                (right + dx, FLOOR - dy),
                (right, FLOOR),
            ],
        }
        lines = [f'<g class="{self.kind}">']
        for name, corners in faces.items():
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
            lines.append(f'<polygon class="{name}" points="{points}"/>')
        return "".join([*lines, "</g>"])


def arc(start: Box, end: Box, changes: bool) -> str:
    """The shortcut over the block between two boxes, and the sum at its end."""
    (x0, y0), (x1, y1) = start.top(), end.top()
    lift = min(y0, y1) - 48
    path = f"M{x0:.1f} {y0:.1f}C{x0:.1f} {lift:.1f} {x1:.1f} {lift:.1f} {x1:.1f} {y1 - 5:.1f}"
    plus = f"M{x1 - 2.5:.1f} {y1:.1f}h5M{x1:.1f} {y1 - 2.5:.1f}v5"
    return (
        f'<path class="shortcut{" changes" if changes else ""}" d="{path}"/>'
        f'<circle class="sum" cx="{x1:.1f}" cy="{y1:.1f}" r="5"/><path class="plus" d="{plus}"/>'
    )


def label(boxes: list[Box], text: str) -> str:
    """A line under some boxes and what they have in common."""
    left, right = boxes[0].left, boxes[-1].right
    return (
        f'<path class="under" d="M{left:.1f} {FLOOR + 9}H{right:.1f}"/>'
        f'<text x="{(left + right) / 2:.1f}" y="{FLOOR + 29}">{text}</text>'
    )


def draw() -> str:
    """The SVG element, ready to stand in a page."""
    network = resnet20()
    shapes = shapes_of(network)
    boxes, x = [], 2.0
    for number, (channels, side) in enumerate(shapes):
        boxes.append(Box(x, channels, side, "" if number else "picture"))
        x = boxes[-1].right + GAP
    scores = Box(x, network.head[-1].out_features, 1, "scores")

    parts = [box.svg() for box in [*boxes, scores]]
    blocks = range(2, len(boxes))  # box 0 is the picture, box 1 the stem's output
    parts += [arc(boxes[n - 1], boxes[n], shapes[n] != shapes[n - 1]) for n in blocks]
    for channels, side in dict.fromkeys(shapes[1:]):
        members = [
            box for box, shape in zip(boxes, shapes, strict=True) if shape == (channels, side)
        ]
        parts.append(label(members, f"{channels} × {side} × {side}"))
    parts.append(label([scores], f"{network.head[-1].out_features}"))

    view = f"0 0 {scores.right + 8:.0f} {FLOOR + 36}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" '
        'role="img" aria-labelledby="cover-title cover-text">'
    )
    names = [f'<title id="cover-title">{TITLE}</title>', f'<desc id="cover-text">{TEXT}</desc>']
    return "\n".join([head, *names, *parts, "</svg>"])


if __name__ == "__main__":
    print(draw())
