"""Figures in one style: residual is blue and solid, plain is orange and dashed, in print too."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

RESIDUAL, PLAIN = "#1f6fb5", "#c4561b"
STYLE = {
    "figure.dpi": 160,
    "figure.figsize": (5.6, 3.3),  # small, so that its text can be read on a phone
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def canvas(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, np.ndarray]:
    """A figure in the house style and its axes, always as an array (rows, columns)."""
    with plt.rc_context(STYLE):
        return plt.subplots(rows, columns, squeeze=False, **options)


def name_lines(axes: Axes, names: Mapping[str, tuple[float, float]], colour: str) -> None:
    """Writes each name at its (x, y): a line that is named where it ends needs no legend."""
    for name, (x, y) in names.items():
        axes.annotate(
            name, (x, y), (5, 0), textcoords="offset points", va="center", color=colour, fontsize=9
        )


def show_pictures(axes: Sequence[Axes], pictures: Sequence[Tensor], titles: Sequence[str]) -> None:
    """Each picture, floats (3, H, W) of any range, stretched to its own darkest and brightest."""
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        low, high = picture.min(), picture.max()
        stretched = (picture - low) / (high - low).clamp_min(1e-12)
        ax.imshow(stretched.permute(1, 2, 0).numpy(), interpolation="nearest")
        ax.set_title(title, loc="center", fontsize=8)
        ax.axis("off")
