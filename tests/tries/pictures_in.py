"""What a student may try in *Pictures in*, and words that only the answer to it has."""

import numpy as np
import torch

from resnet_edu.exercises import pictures_in

from . import changes_of

changed = changes_of("pictures_in")
SCOPE = {"torch": torch, "np": np, "exercises": pictures_in}


def views(result):
    """The first exercise's answer, with a mistake."""
    return f"def different_views(times):\n    return {result}"


def spread(result, before="pass"):
    """The second exercise's answer from all the batches, `b`, or the pixels as floats, `x`."""
    return (
        "def mean_and_std(batches):\n"
        "    b = list(batches)\n"
        "    x = torch.cat(b).double() / 255\n"
        "    mean = x.mean((0, 2, 3))\n"
        f"    {before}\n"
        f"    return mean, {result}"
    )


def loop(body, end="return out"):
    """The third exercise's answer, picture by picture."""
    return (
        "def cutout(images, row, column, size):\n"
        "    out = images.clone()\n"
        "    for i, (r, c) in enumerate(zip(row.tolist(), column.tolist())):\n"
        f"        {body}\n"
        f"    {end}"
    )


def moved(corner):
    """The third exercise's solution with its holes elsewhere."""
    first = "    height, width"
    return changed("cutout", (first, f"    row, column = {corner}\n{first}"))


WRONG = {
    "different_views": [
        (views("81 * (1 - (80 / 81) ** times)"), "flipped and unflipped"),
        (views("128 * (1 - (127 / 128) ** times)"), "nine rows"),
        (views("161 * (1 - (160 / 161) ** times)"), "untouched picture"),
        (views("36 * (1 - (35 / 36) ** times)"), "not 9 + 9"),
        (views("min(times, 162)"), "ever came twice"),
        (views("1 - (161 / 162) ** times"), "one particular view. How many"),
        (views("162 * (161 / 162) ** times"), "not come yet"),
        (views("162"), "however often"),
        (views("round(162 * (1 - (161 / 162) ** times))"), "do not round"),
        (views("times / 162"), "not come in so many looks"),
        (views("unknown"), "raised NameError"),
        ("def different_views(times):\n    print(times)", "is there a `return`"),
    ],
    "mean_and_std": [
        (spread("x.std((0, 2, 3), correction=0)"), "hold all pictures at once"),
        (
            # Not the bytes, but all of them as floats.
            "def mean_and_std(batches):\n"
            "    x = [b.double() / 255 for b in batches]\n"
            "    n = sum(p[:, 0].numel() for p in x)\n"
            "    mean = sum(p.sum((0, 2, 3)) for p in x) / n\n"
            "    square = sum(((p - mean[:, None, None]) ** 2).sum((0, 2, 3)) for p in x)\n"
            "    return mean, (square / n).sqrt()",
            "hold all pictures at once",
        ),
        (
            "def mean_and_std(batches):\n"
            "    x = torch.from_numpy(np.concatenate([b.numpy() for b in batches])) / 255\n"
            "    return x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)",
            "hold all pictures at once",
        ),
        (spread("x.std((0, 2, 3))"), "divide by n − 1"),
        (spread("x.std((2, 3)).mean(0)"), "everybody copies"),
        (spread("x.std((2, 3), correction=0).mean(0)"), "everybody copies"),
        (spread("x.var((2, 3), correction=0).mean(0).sqrt()"), "the spread within them"),
        (spread("x.var((0, 2, 3), correction=0)"), "Its root"),
        (spread("x.std(correction=0).expand(3)"), "Do not mix"),
        (spread("255 * x.std((0, 2, 3), correction=0)"), "In units of 0 … 1"),
        (
            spread("torch.stack([(p.double() / 255).std((0, 2, 3)) for p in b]).mean(0)"),
            "You average over batches",
        ),
        (
            spread(
                "x.std((0, 2, 3))",
                "mean = torch.stack([p.double().mean((0, 2, 3)) / 255 for p in b]).mean(0)",
            ),
            "do not weigh the same",
        ),
        (spread("x.std((0, 2, 3))", "mean = mean + 0.1"), "The mean should be near"),
        (spread("2 * x.std((0, 2, 3))"), "The deviation should be near"),
        (
            changed(
                "mean_and_std", ("(x**2).sum((0, 2, 3))", "(batch**2).sum((0, 2, 3)) / 255**2")
            ),
            "wraps round",
        ),
        (
            # Two looks at what can be looked at once.
            "def mean_and_std(batches):\n"
            "    mean = sum(b.double().sum((0, 2, 3)) for b in batches) / 255 / 208\n"
            "    std = sum(((b / 255 - mean) ** 2).sum((0, 2, 3)) for b in batches)\n"
            "    return mean, std ** 0.5",
            "raised RuntimeError",
        ),
        ("def mean_and_std(batches):\n    list(batches)", "is there a `return`"),
    ],
    "cutout": [
        (loop("out[i, :, max(r, 0):max(r + size, 0), max(c, 0):c + size] = 0"), "that is a loop"),
        (loop("out[i, :, r:r + size, c:c + size] = 0"), "is empty"),
        (
            loop("images[i, :, max(r, 0):r + size, max(c, 0):c + size] = 0", "return images"),
            "They come again",
        ),
        (loop("pass"), "no hole in any"),
        (changed("cutout", ("row[:, None]) &", "row[:1, None]) &")), "is not as wanted"),
        (moved("row[:1].expand(len(row)), column[:1].expand(len(row))"), "the first one."),
        (moved("column, row"), "are exchanged"),
        (moved("row - size // 2, column - size // 2"), "not its centre"),
        (
            moved("row.clamp(0, images.shape[2] - size), column.clamp(0, images.shape[3] - size)"),
            "back into the picture",
        ),
        (moved("row.clamp(min=0), column.clamp(min=0)"), "moved to its edge"),
        (changed("cutout", ("< row", "<= row"), ("< column", "<= column")), "too large"),
        (
            changed("cutout", ("down < row", "down < -1 + row"), ("< column", "< -1 + column")),
            "too small",
        ),
        (changed("cutout", ("(hole, 0)", "(~hole, 0)")), "the other way round"),
        (
            changed("cutout", ("rows[:, None, :, None] &", "rows[:, None, :, None] |")),
            "A cross",
        ),
        (changed("cutout", ("(hole, 0)", "(hole, 128)")), "not black"),
        (changed("cutout", ("images.masked", "(images / 255).masked")), "bytes should come out"),
        (changed("cutout", ("(hole, 0)", "(hole, 0)[0]")), "pictures of shape"),
        (
            loop("out[i, 0, max(r, 0):max(r + size, 0), max(c, 0):c + size] = 0"),
            "Only red",
        ),
        (changed("cutout", ("return ", "")), "is there a `return`"),
    ],
}
