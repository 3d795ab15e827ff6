"""`shapes`: ten classes of coloured shapes that are always at hand, drawn in whole numbers.

Ours, and no picture of anybody else's. Every picture depends only on the seed, its part and its
number, through integer arithmetic, so the same seed gives the same bytes on every machine.
"""

import numpy as np
import torch
from torch import Tensor

CLASSES = (
    *("disc", "ring", "square", "frame", "triangle"),
    *("diamond", "plus", "cross", "bars", "hourglass"),
)
TRAIN, TEST = 10_000, 2_000
SIDE = 32
FINE = 2  # every pixel is the mean of FINE × FINE points


def draw_dataset(seed: int = 0) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(images, labels) for training and for test: 10,000 and 2,000 pictures, classes in turn."""
    return draw_pictures(TRAIN, seed, part=0), draw_pictures(TEST, seed, part=1)


def draw_pictures(count: int, seed: int = 0, part: int = 0) -> tuple[Tensor, Tensor]:
    """`count` pictures, uint8 (N, 3, 32, 32), and labels, int64 (N,); picture i shows class i % 10.

    `part` separates training (0) from test (1).
    """
    dice = Dice(seed, part, count)
    labels = np.arange(count) % len(CLASSES)
    inside = _coverage(labels, dice)  # (N, 32, 32), 0 … FINE²
    # Two colours that differ by 36 to 103 in every channel, up or down, so that neither the
    # colour nor which of the two is brighter says anything about the shape.
    shift = dice.roll(36, 104, each=3) * (2 * dice.roll(0, 2, each=3) - 1)
    middle = dice.roll(64, 192, each=3)
    ink, paper = (
        (middle + sign * shift // 2)[:, :, None, None] for sign in (1, -1)
    )  # (N, 3, 1, 1)
    images = paper + (ink - paper) * inside[:, None] // FINE**2
    # A slope of light across the picture, and grain on every pixel.
    slope = dice.roll(-2, 3, each=2)
    place = np.arange(SIDE) - SIDE // 2
    light = slope[:, 0, None, None] * place[:, None] + slope[:, 1, None, None] * place
    grain = dice.roll(-32, 33, each=SIDE * SIDE).reshape(light.shape)
    images += (light + grain)[:, None]
    images = images.clip(0, 255).astype(np.uint8)
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


class Dice:
    """Whole numbers that depend only on seed, part, picture and the roll's turn: splitmix64."""

    def __init__(self, seed: int, part: int, count: int):
        key = np.arange(count, dtype=np.uint64) + np.uint64((seed * 2 + part) << 32)
        self.key = _scramble(key)[:, None]  # one stream a picture
        self.turn = 0

    def roll(self, low: int, high: int, each: int = 1) -> np.ndarray:
        """int32 (N, each), uniform in low … high − 1 (to one part in 2³²)."""
        turns = np.arange(self.turn, self.turn + each, dtype=np.uint64)
        self.turn += each
        bits = _scramble(self.key + turns * np.uint64(0x9E3779B97F4A7C15))
        span = np.uint64(high - low)
        return ((bits >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int32) + low


def _scramble(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser (Steele, Lea, Flood 2014): every bit of x moves every bit out."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _coverage(labels: np.ndarray, dice: Dice) -> np.ndarray:
    """How many of a pixel's FINE × FINE points lie in the shape: int32 (N, 32, 32)."""
    radius = dice.roll(6 * FINE, 12 * FINE)[:, :, None]  # in fine points
    reach = SIDE * FINE // 2 - radius[:, :, 0]
    centre = [
        (SIDE * FINE + dice.roll(-1024, 1025) * reach // 1024 - SIDE * FINE // 2)[:, :, None]
        for _ in range(2)
    ]
    point = np.arange(SIDE * FINE, dtype=np.int32)
    inside = np.empty((len(labels), SIDE * FINE, SIDE * FINE), dtype=bool)
    for label in range(len(CLASSES)):
        chosen = labels == label
        y = point[None, :, None] - centre[0][chosen]
        x = point[None, None, :] - centre[1][chosen]
        inside[chosen] = _inside(CLASSES[label], x, y, radius[chosen])
    fine = inside.reshape(-1, SIDE, FINE, SIDE, FINE)
    return fine.sum(axis=(2, 4), dtype=np.int32)


def _inside(name: str, x: np.ndarray, y: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Whether point (x, y), seen from the shape's centre, lies in the shape of radius r."""
    across, down = np.abs(x), np.abs(y)
    square = np.maximum(across, down)
    match name:
        case "disc":
            return x * x + y * y <= r * r
        case "ring":
            return (x * x + y * y <= r * r) & (9 * (x * x + y * y) >= 4 * r * r)
        case "square":
            return 8 * square <= 7 * r
        case "frame":
            return (8 * square <= 7 * r) & (8 * square >= 4 * r)
        case "triangle":
            return (down <= r) & (2 * across <= y + r)
        case "diamond":
            return across + down <= r
        case "plus":
            return (square <= r) & (4 * np.minimum(across, down) <= r)
        case "cross":
            return (8 * square <= 7 * r) & (3 * np.abs(across - down) <= r)
        case "bars":
            return (8 * square <= 7 * r) & ((5 * (y + r)) // (2 * r) % 2 == 0)
        case "hourglass":
            return (8 * down <= 7 * r) & (across <= down)
    raise AssertionError(name)
