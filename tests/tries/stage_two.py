"""What a student may try in *Stage two, halving*, and words that only the answer to it has."""

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu.evaluate import evaluating
from resnet_edu.exercises import stage_two

from . import changes_of

changed = changes_of("stage_two")
SCOPE = {"torch": torch, "nn": nn, "F": F, "exercises": stage_two, "evaluating": evaluating}


def grid(count="(n + 2 * p - k) // s + 1", first="(k - 1) / 2 - p", step="s"):
    """The first exercise's answer, with a mistake."""
    return f"def centres(n, k, s, p):\n    return [{first} + i * {step} for i in range({count})]"


def level(body="    return s[0] - b[0], s[1] - b[1]", mode="evaluating(block)", **changes):
    """The second exercise's answer with some of its parts otherwise."""
    parts = dict(place="8", middle="(w.min() + w.max()).item() / 2", prepare="pass")
    parts |= changes
    return (
        "from contextlib import nullcontext\n\n\n"
        "def middle(module, channels):\n"
        "    x = torch.rand(4, channels, 32, 32, requires_grad=True)\n"
        f"    y = module(x)[:, :, {parts['place']}, {parts['place']}]\n"
        "    (g,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), x)\n"
        "    seen = g.abs().sum((0, 1))\n"
        "    ways = (seen.sum(1).nonzero(), seen.sum(0).nonzero())\n"
        f"    return [{parts['middle']} for w in ways]\n\n\n"
        "def offset(block):\n"
        f"    {parts['prepare']}\n"
        f"    with {mode}:\n"
        "        channels = block.residual[0].in_channels\n"
        "        b = middle(block.residual, channels)\n"
        "        s = middle(block.shortcut, channels)\n"
        f"{body}"
    )


ORDERS = (
    ("    two = [*range(16, 24), *range(16), *range(24, 32)]\n", "two"),
    ("    three = [*range(32, 48), *two, *range(48, 64)]\n", "three"),
)
INVERSE = "    {0} = [{0}.index(i) for i in range(len({0}))]\n"
HEAD = '        "head.2": three,\n'
NORM = 'norm = ("weight", "bias", "running_mean", "running_var")'
READ = '[f"{reader}.weight"] = weights[f"{reader}.weight"][:, order]'


def moved(*replacements):
    """The third exercise's answer with something in it replaced."""
    return changed("move", *replacements)


WRONG = {
    "centres": [
        (grid(count="-(-(n + 2 * p - k) // s) + 1"), "a place too many"),
        (grid(count="(n + 2 * p - k) // s"), "before it has moved"),
        (grid(count="(n - k) // s + 1"), "makes room for more windows"),
        (grid(count="n"), "so there are fewer"),
        (grid(step="1"), "From one window to the next"),
        (grid(first="-p"), "left edges"),
        (grid(first="(k - 1) / 2"), "the padding lies to the left"),
        (grid(first="k / 2 - p"), "k − 1 steps"),
        (grid(first="k // 2 - p"), "lies between two columns"),
        (grid(first="7"), "stands over column"),
        ("def centres(n, k, s, p):\n    return (n + 2 * p - k) // s + 1", "a list of numbers"),
        ("def centres(n, k, s, p):\n    print(n)", "is there a `return`"),
        ("def centres(n, k):\n    return [0]", "raised TypeError"),
        (grid(count="2"), "count the windows that fit"),
    ],
    "offset": [
        (level(body="    return b[0] - s[0], b[1] - s[1]"), "from shortcut to branch"),
        (level(body="    return s[1] - b[1], s[0] - b[0]"), "Down comes first"),
        (level(mode="nullcontext()"), "Looking moved"),
        (level(mode="nullcontext()", prepare="block.eval()"), "Give it back as it was"),
        (
            level(
                mode="nullcontext()",
                prepare="import copy\n    block = copy.deepcopy(block)",
            ),
            "a window has no edge there",
        ),
        (level(place="0"), "hangs over the border"),
        (level(middle="w.min().item()"), "Windows of two sizes"),
        (level(body="    return (s[0] - b[0]) / 2, (s[1] - b[1]) / 2"), "of the halved map"),
        (level(body="    return s[0] - b[0]"), "Two numbers"),
        ("def offset(block):\n    return 0, 0", "of one place, the middles"),
        ("def offset(block):\n    block.residual", "is there a `return`"),
        ("def offset(block):\n    return block.branch", "raised AttributeError"),
    ],
    "move": [
        ("def move(weights):\n    return dict(weights)", "where it was"),
        (
            moved((ORDERS[1][0], "    three = [*two, *range(32, 64)]\n")),
            "still expects its zeros after",
        ),
        (moved((ORDERS[1][0], "    three = [*range(64)]\n")), "left as it was"),
        (
            moved((ORDERS[1][0], "    three = [*range(32, 48), *range(32), *range(48, 64)]\n")),
            "in stage two's new order",
        ),
        (
            moved((ORDERS[1][0], ORDERS[1][0] + "".join(INVERSE.format(n) for _, n in ORDERS))),
            "the way back",
        ),
        (moved((HEAD, "")), "The head still reads"),
        (moved((READ, READ.replace("[:, order]", ""))), "its weights' second dimension"),
        (moved((NORM, 'norm = ("weight", "bias")')), "though nothing learns them"),
        (moved((NORM, 'norm = ("running_mean", "running_var")')), "scale and shift belong"),
        (moved((NORM, "norm = ()")), "Four tensors of each last"),
        (moved(('"3.weight", *', "*")), "own channels have not moved"),
        (
            moved(
                (
                    "    return moved\n",
                    '    moved["stem.0.weight"] = weights["stem.0.weight"].flip(0)\n'
                    "    return moved\n",
                )
            ),
            "Leave stem and stage one alone",
        ),
        (moved(("in range(3)", "in range(2)")), "is the first block that gives other maps"),
        (moved(("    moved = dict(weights)\n", "    moved = weights\n")), "Make new ones"),
        (moved(("    return moved\n", "    pass\n")), "is there a `return`"),
        (moved(("    return moved\n", '    return {"head": 0}\n')), "raised RuntimeError"),
    ],
}
