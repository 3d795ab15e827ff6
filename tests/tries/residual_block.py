"""What a student may try in *The residual block*, and words that only the answer to it has."""

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import blocks
from resnet_edu.exercises import residual_block

from . import changes_of

changed = changes_of("residual_block")
SCOPE = {"torch": torch, "nn": nn, "F": F, "exercises": residual_block} | vars(blocks)


def parameters(convolutions="9 * i * c + 9 * c * c", norms="4 * c", extra="i * c + 2 * c", when=""):
    """The first exercise's answer, with a mistake."""
    condition = when or "s == 'B' and i != c"
    return (
        "def block_parameters(i, c, s):\n"
        f"    return {convolutions} + {norms} + ({extra}) * ({condition})"
    )


def zeros(*names, more=""):
    """The second exercise's answer: these parameters or buffers of the block set to zero."""
    lines = [f"    block.get_parameter('{name}').zero_()" for name in names]
    return "\n".join(
        ["@torch.no_grad()", "def make_identity(block):", *lines, f"    {more or 'pass'}"]
    )


# Lines of the fourth exercise's block.
NORM, RELU, CONVOLUTION = (
    f"            {layer},\n"
    for layer in ("nn.BatchNorm2d(channels)", "nn.ReLU()", "conv3x3(channels, channels)")
)


def pre(old, new):
    """The fourth exercise's answer, with something in it replaced."""
    return changed("pre_activation", (old, new))


WRONG = {
    "block_parameters": [
        (parameters(norms="0", extra="i * c"), "the convolutions alone"),
        (parameters(norms="2 * c", extra="i * c + c"), "parameters a channel together"),
        (parameters(norms="8 * c", extra="i * c + 4 * c"), "buffers"),
        (parameters(norms="6 * c", extra="i * c + 4 * c"), "no bias"),
        (parameters(convolutions="18 * c * c"), "on its way in"),
        (parameters(extra="0"), "residual branch alone"),
        (parameters(extra="i * c"), "followed by batch norm"),
        (parameters(when="s == 'B'"), "with option B as well"),
        (parameters(extra="9 * i * c + 2 * c"), "not 3×3"),
        (parameters(norms="4 * c + 1"), "one by one"),
        ("def block_parameters(i, c):\n    return 0", "raised TypeError"),
        ("def block_parameters(i, c, s):\n    print(i * c)", "is there a `return`"),
        ("def block_parameters(i, c, s):\n    return torch.ones(2)", "a whole number"),
        (
            "def block_parameters(i, c, s):\n"
            "    return sum(p.numel() for p in BasicBlock(i, c, 1, s).parameters())",
            "without building it",
        ),
    ],
    "make_identity": [
        (zeros("residual.4.weight"), "multiplies by 0 and then adds its shift"),
        (zeros("residual.3.weight"), "batch norm comes after it"),
        (zeros("residual.0.weight", "residual.1.weight"), "first half"),
        (zeros("residual.3.weight", "residual.4.bias"), "there batch norm takes away"),
        (zeros("residual.4.weight", "residual.4.bias", "residual.0.weight"), "32 will do"),
        (zeros(more="return nn.Identity()"), "new module"),
        (
            zeros("residual.4.weight", "residual.4.bias", more="block.shortcut = NoShortcut()"),
            "forgets x",
        ),
        (zeros("residual.4.bias"), "could still add"),
        (zeros("residual.5.weight"), "raised AttributeError"),
        (zeros(more="block.residual[4] = nn.Identity()"), "Layers were exchanged"),
        (
            zeros(more="w = torch.zeros_like(block.residual[4].weight)"),
            "change its tensors in place",
        ),
    ],
    "bottleneck": [
        (
            changed(
                "bottleneck",
                (
                    "nn.BatchNorm2d(4 * channels),",
                    "nn.BatchNorm2d(4 * channels),\n            nn.ReLU(),",
                ),
                (
                    "self.relu(self.residual(x) + self.shortcut(x))",
                    "self.residual(x) + self.shortcut(x)",
                ),
            ),
            "stands before the addition",
        ),
        (
            changed(
                "bottleneck",
                (
                    "nn.BatchNorm2d(4 * channels),",
                    "nn.BatchNorm2d(4 * channels),\n            nn.ReLU(),",
                ),
            ),
            "take away as well as to add",
        ),
        (
            changed(
                "bottleneck",
                ("conv1x1(in_channels, channels)", "conv1x1(in_channels, channels, stride)"),
                ("conv3x3(channels, channels, stride)", "conv3x3(channels, channels)"),
            ),
            "the paper did so",
        ),
        (
            changed("bottleneck", ("            nn.BatchNorm2d(4 * channels),\n", "")),
            "one follows each",
        ),
        (
            changed(
                "bottleneck",
                ("conv1x1(channels, 4 * channels)", "conv1x1(channels, channels)"),
                ("nn.BatchNorm2d(4 * channels)", "nn.BatchNorm2d(channels)"),
                ("4 * channels, stride)", "channels, stride)"),
            ),
            "goes up to 4 · channels",
        ),
        (
            changed(
                "bottleneck",
                ('make_shortcut("B", in_channels, 4 * channels, stride)', "nn.Identity()"),
            ),
            "projects",
        ),
        (changed("bottleneck", ('"B"', '"C"')), "has no parameters"),
        (
            changed(
                "bottleneck", ("conv1x1(in_channels, channels)", "conv3x3(in_channels, channels)")
            ),
            "1, 3, 1",
        ),
        (
            changed(
                "bottleneck",
                (
                    "conv1x1(in_channels, channels)",
                    "nn.Conv2d(in_channels, channels, 1)",
                ),
            ),
            "a convolution has a bias",
        ),
    ],
    "pre_activation": [
        (
            changed(
                "pre_activation",
                (NORM + RELU + CONVOLUTION, CONVOLUTION + NORM + RELU),
                (RELU + NORM + RELU + CONVOLUTION, RELU + CONVOLUTION + NORM),
            ),
            "in the order of 2015",
        ),
        (pre("conv3x3(channels, channels)", "nn.Conv2d(channels, channels, 3, 1, 1)"), "a bias"),
        (pre(NORM, ""), "have six"),
        (pre(RELU + CONVOLUTION + NORM, RELU + NORM + CONVOLUTION), "they are made in is not"),
        (pre("x + self.residual(x)", "(x + self.residual(x)).relu()"), "blocked again"),
        (pre("x + self.residual(x)", "x + self.residual(x).relu()"), "only ever add"),
        (pre("x + self.residual(x)", "self.residual(x)"), "shortcut is missing"),
        (
            pre("x + self.residual(x)", "self.residual[:2](x) + self.residual(x)"),
            "what norm and ReLU have made",
        ),
        (pre(RELU, ""), "before the first convolution"),
        (
            changed(
                "pre_activation",
                (RELU, "            nn.Identity(),\n"),
                (RELU, ""),
            ),
            "no ReLU at all",
        ),
        (
            pre(
                "x + self.residual(x)",
                "x + nn.Sequential(*(self.residual[i] for i in (0, 1, 2, 3, 5)))(x)",
            ),
            "before the second convolution",
        ),
        (
            pre(
                "x + self.residual(x)",
                "x + nn.Sequential(*(self.residual[i] for i in (1, 0, 2, 4, 3, 5)))(x)",
            ),
            "before the norms",
        ),
        (pre("x + self.residual(x)", "x - self.residual(x)"), "right layers, wrong numbers"),
        (pre("x + self.residual(x)", "(x + self.residual(x)).sum()"), "tensor of shape"),
        (pre("x + self.residual(x)", "x.add_(self.residual(x))"), "writes into x"),
        (pre("block.residual[5].weight *= factor", "return nn.Identity()"), "another module"),
        (pre("block.residual[5].weight *= factor", "block.residual[5] = nn.Identity()"), "exchang"),
        (
            pre("block.residual[5].weight *= factor", "factor * block.residual[5].weight"),
            "in place",
        ),
        (
            changed(
                "pre_activation",
                ("super().__init__()\n", "super().__init__()\n        self.dial = 1.0\n"),
                ("x + self.residual(x)", "x + self.dial * self.residual(x)"),
                ("block.residual[5].weight *= factor", "block.dial = factor"),
            ),
            "in place",
        ),
        (pre("residual[5].weight *=", "residual[2].weight *="), "puts back"),
        (pre("residual[5].weight *=", "residual[3].weight *="), "alone is not enough"),
        (
            pre(
                "block.residual[5].weight *= factor",
                "for i in (2, 5):\n        block.residual[i].weight *= factor",
            ),
            "all but the norm's ε",
        ),
        (
            pre(
                "block.residual[5].weight *= factor",
                "for i in (3, 5):\n        block.residual[i].weight *= factor",
            ),
            "two dials",
        ),
        (pre("*= factor", "*= factor**2"), "times what it added"),
        (pre("residual[5].weight *=", "residual[6].weight *="), "raised IndexError"),
    ],
}

# Answers as right as the solution.
ALSO_RIGHT = {
    "pre_activation": [
        pre(
            "block.residual[5].weight *= factor",
            "for p in block.residual[3].parameters():\n        p *= factor",
        )
    ]
}
