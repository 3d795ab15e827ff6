"""What a student may try in *Stage three and the head*, and words that only its answer has."""

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import blocks, resnet
from resnet_edu.exercises import stage_three

from . import changes_of

changed = changes_of("stage_three")
SCOPE = {"torch": torch, "nn": nn, "F": F, "exercises": stage_three}
SCOPE |= {"ResNet": resnet.ResNet} | vars(blocks)


def own(last, before=""):
    """The first exercise's answer: what is made of the votes for all classes, biases included."""
    return (
        "def margin(maps, weight, bias, a, b):\n"
        "    v = torch.einsum('kc,nchw->nkhw', weight, maps)\n"
        f"    {before or 'v = v + bias[:, None, None]'}\n"
        f"    return {last}"
    )


def walk(count, way="'shortcut' not in name", kinds="(nn.Conv2d, nn.Linear)"):
    """The second exercise's answer; `count` gives the shortcuts and those that reshape."""
    return (
        "def count_layers(network):\n"
        "    modules = dict(network.named_modules())\n"
        f"    layers = sum(isinstance(m, {kinds}) for name, m in modules.items() if {way})\n"
        "    blocks = [m for m in modules.values() if hasattr(m, 'shortcut')]\n"
        "    blocks = [b for b in blocks if not isinstance(b.shortcut, NoShortcut)]\n"
        "    wide = [b.residual[0].in_channels != b.residual[-2].out_channels for b in blocks]\n"
        f"    return layers, {count}"
    )


RIGHT = "len(blocks), sum(wide)"


WIDTH = "len(weights['stage' + s + '.0.residual.0.weight'])"
COPY = (
    "own = network.state_dict()\n"
    "        for name in own:\n"
    "            if name in weights and own[name].shape == weights[name].shape:\n"
    "                own[name].copy_(weights[name])"
)


def build(widths, fill, blocks="", kinds="'A', 'none', 'B', 'C'"):
    """The third exercise's answer: three stages, ten classes, and the last try if none is right."""
    count = "[len({n[:8] for n in weights if n.startswith('stage' + s)}) for s in '123']"
    return (
        "@torch.no_grad()\n"
        "def rebuild(weights, x, logits):\n"
        f"    blocks = {blocks or count}\n"
        f"    widths = {widths}\n"
        f"    for kind in ({kinds}):\n"
        "        network = ResNet(BasicBlock, blocks, widths, kind).eval()\n"
        f"        {fill}\n"
        "        same = network.state_dict().keys() == weights.keys()\n"
        "        if same and torch.allclose(network(x), logits):\n"
        "            break\n"
        "    return network"
    )


WRONG = {
    "margin": [
        (changed("margin", (" + (bias[a] - bias[b])", "")), "biases are missing"),
        (own("v[:, b] - v[:, a]"), "sign is turned round"),
        (own("v[:, a]"), "votes for a alone"),
        (own("v"), "votes for all ten"),
        (own("(v[:, a] - v[:, b]).mean((1, 2))"), "averaged already"),
        (own("(v[:, a] - v[:, b]) / v[0, 0].numel()"), "*sums* to the difference"),
        (
            own("v[:, a] - v[:, b]", "v = v + bias[:, None, None] / v[0, 0].numel()"),
            "A mean of equal numbers",
        ),
        (own("v[:, a].sub(v[:, b]).relu()"), "you cut them off"),
        (own("v[:, a].sub(v[:, b]).abs()"), "dropped their sign"),
        (own("v.softmax(1)[:, a] - v.softmax(1)[:, b]"), "not linear"),
        (own("(v[:, a] - v[:, b]).mT"), "changed places"),
        (own("v[:, [a]] - v[:, [b]]"), "left over"),
        (own("v[0, a] - v[0, b]"), "the shape is (4, 5)"),
        (own("v[:, a] - v[:, b] + 1"), "right shape, wrong numbers"),
        (own("(v[:, a] - v[:, b]).tolist()"), "not list"),
        (own("print(a, b)"), "is there a `return`"),
        (own("v[:, a, b, 99]"), "raised IndexError"),
    ],
    "count_layers": [
        (walk(RIGHT, way="True"), "no depth counts them"),
        (walk(RIGHT, kinds="nn.Conv2d"), "A layer is missing"),
        (
            walk(RIGHT, way="'residual' in name", kinds="nn.Conv2d"),
            "have a weighted layer each",
        ),
        (walk(RIGHT, kinds="(nn.Conv2d, nn.Linear, nn.BatchNorm2d)"), "though they learn"),
        (walk(RIGHT, kinds="nn.Module", way="True"), "containers too"),
        (walk(RIGHT, kinds="nn.Linear"), "and one more"),
        (
            walk("sum('shortcut' in name for name in modules), sum(wide)"),
            "what is inside a projection",
        ),
        (walk("sum(wide), sum(wide)"), "the commonest of all"),
        (
            "def count_layers(network):\n"
            "    names = [n for n, m in network.named_modules() if isinstance(m, BasicBlock)]\n"
            "    return 2 + 2 * len(names), len(names), 2",
            "It is none",
        ),
        (walk("len(blocks) + 1, sum(wide)"), "each has one way round"),
        (walk("len(blocks), len(blocks)"), "An identity changes no shape"),
        (
            walk(
                "len(blocks), sum(not isinstance(b.shortcut, nn.Identity) for b in blocks)",
            ),
            "Option C projects everywhere",
        ),
        (
            walk(
                "len(blocks), sum(m.stride == (2, 2) for b in blocks for m in b.residual "
                "if isinstance(m, nn.Conv2d))"
            ),
            "strides not at all",
        ),
        (
            walk("len(blocks), sum(isinstance(b.shortcut, PadShortcut) for b in blocks)"),
            "between its two ends",
        ),
        (walk("len(blocks)"), "three whole numbers"),
        ("def count_layers(network):\n    print(network)", "is there a `return`"),
        ("def count_layers(network):\n    return network.layers", "raised AttributeError"),
    ],
    "rebuild": [
        (changed("rebuild", ('"A", "none", "B"', '"A", "B"')), "no network that fits"),
        (changed("rebuild", ("torch.allclose(network(x), logits)", "True")), "the same weights"),
        (changed("rebuild", ("network.load_state_dict(weights)", "return network")), "were given"),
        (
            changed(
                "rebuild", ("                return network", "                return weights")
            ),
            "not dict",
        ),
        (
            changed(
                "rebuild",
                ("                return network", "                return network.train()"),
            ),
            "comes in training mode",
        ),
        (build("(16, 32, 64)", "network.load_state_dict(weights)"), "raised RuntimeError"),
        (build("(16, 32, 64)", COPY), "read the sizes"),
        (build(f"[{WIDTH} for s in '123']", COPY, "(2, 2, 2)"), "how many blocks"),
        (build(f"[{WIDTH} for s in '123']", COPY, kinds="'A', 'none'"), "among the names"),
        (build(f"[{WIDTH} for s in '123']", COPY, kinds="'none', 'C'"), "has not"),
        ("def rebuild(weights, x, logits):\n    print(x.shape)", "is there a `return`"),
    ],
}
