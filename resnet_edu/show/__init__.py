"""What the chapters show: stable numbers, drawings of blocks, figures in one style."""

from .drawing import Drawing, draw_blocks
from .numbers import number

__all__ = ["Drawing", "draw_blocks", "number"]
