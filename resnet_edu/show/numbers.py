"""Numbers that are the same on every machine."""

import numpy as np
import torch
from torch import Tensor

MARGIN = 1e-6  # relative; CPUs differ in float64 by far less
NOTHING = 1e-12  # what rounding leaves of a zero


def number(value: float | Tensor, digits: int = 3) -> str:
    """`value` as text with at most four significant digits, the same text on every machine.

    CPUs differ in the last digits of a float, so a stored output may only show digits that cannot
    differ. Takes what was computed in float64: float32 is a TypeError. A value so near a rounding
    edge that another machine might round it the other way, or one that is not finite, is a
    ValueError. Below 1e-12 it is "0".
    """
    if not 1 <= digits <= 4:
        raise ValueError(f"digits must be 1 to 4, not {digits}")
    if isinstance(value, (Tensor, np.generic)) and value.dtype not in (torch.float64, np.float64):
        raise TypeError(f"compute in float64 what is to be shown; this is {value.dtype}")
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    if abs(value) < NOTHING:
        return "0"
    low, shown, high = (f"{value * scale:.{digits}g}" for scale in (1 - MARGIN, 1, 1 + MARGIN))
    if not low == shown == high:
        raise ValueError(
            f"{value!r} lies on a rounding edge at {digits} digits: {low} or {high}; "
            "show another number of digits"
        )
    return shown
