"""What a student may try in *Stage one*, and words that only the answer to it has."""

import torch
from torch import nn

from resnet_edu.blocks import BasicBlock
from resnet_edu.evaluate import evaluating
from resnet_edu.exercises import stage_one

from . import changes_of

changed = changes_of("stage_one")
SCOPE = {"torch": torch, "nn": nn, "exercises": stage_one, "evaluating": evaluating}
SCOPE |= {"BasicBlock": BasicBlock}


def cost(parameters="b * (18 * w**2 + 4 * w)", work="b * 18 * w**2 * s**2"):
    """The first exercise's answer, with a mistake."""
    return f"def stage_cost(b, w, s):\n    return {parameters}, {work}"


LISTEN = (
    "def note(module, inputs, output, key=(name, part)):\n"
    "                sizes[key] = output.norm().item()"
)


def written(at_the_end, listen=LISTEN):
    """The second exercise's answer, with other sizes or made of them in another way."""
    return changed(
        "written",
        (LISTEN, listen),
        ('{n: sizes[n, "residual"] / sizes[n, "shortcut"] for n in names}', at_the_end),
    )


def pairs(size):
    """The second exercise's answer, from x, F, shortcut and output of each block at once."""
    return (
        "def written(network, x):\n"
        "    found, handles = {}, []\n"
        "    for name, block in network.named_modules():\n"
        "        if isinstance(block, BasicBlock):\n"
        "            def note(m, i, y, name=name):\n"
        "                x, f, s = i[0], m.residual(i[0]), m.shortcut(i[0])\n"
        f"                found[name] = {size}\n"
        "            handles.append(block.register_forward_hook(note))\n"
        "    with torch.no_grad(), evaluating(network):\n"
        "        network(x)\n"
        "    for handle in handles:\n"
        "        handle.remove()\n"
        "    return found"
    )


RATIO = "f.norm() / s.norm()"
CAT = "values = torch.cat(met)"
MEAN = "norm.running_mean.copy_(values.mean((0, 2, 3)))"
VAR = "norm.running_var.copy_(values.var((0, 2, 3), correction=0))"
AVERAGE = "torch.stack([{} for v in met]).mean(0)"


def settled(*changes):
    """The third exercise's answer with something in it otherwise."""
    return changed("settle_exactly", *changes)


def in_training(momentum):
    """The chapter's own way, a batch after the other."""
    return (
        "def settle_exactly(network, batches):\n"
        "    for m in network.modules():\n"
        "        if isinstance(m, nn.BatchNorm2d):\n"
        f"            {momentum}\n"
        "    network.train()\n"
        "    with torch.no_grad():\n"
        "        for batch in batches:\n"
        "            network(batch)\n"
        "    network.eval()"
    )


AT_ONCE = """\
@torch.no_grad()
def settle_exactly(network, batches):
    network.eval()
    met, handles = {}, []
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            met[norm] = []
            keep = lambda norm, inputs, output: met[norm].append(inputs[0])
            handles.append(norm.register_forward_hook(keep))
    for batch in batches:
        network(batch)
    for handle in handles:
        handle.remove()
    for norm, values in met.items():
        norm.running_mean.copy_(torch.cat(values).mean((0, 2, 3)))
        norm.running_var.copy_(torch.cat(values).var((0, 2, 3)))
"""

WRONG = {
    "stage_cost": [
        (cost("b * 18 * w**2"), "the convolutions alone"),
        (cost("b * (18 * w**2 + 2 * w)"), "each has γ and β"),
        (cost("b * (18 * w**2 + 8 * w)"), "measured, not learned"),
        (cost("b * (9 * w**2 + 2 * w)"), "two convolutions and two norms"),
        (cost("b * (18 * w**2 + 6 * w)"), "have no bias"),
        (cost("18 * w**2 + 4 * w"), "The parameters: that is one block's"),
        (cost("b * (18 * w**2 + 4 * w) + 1"), "layer by layer"),
        (cost(work="b * 18 * w**2"), "height times width"),
        (cost(work="b * 18 * w**2 * s"), "not one row"),
        (cost(work="b * (18 * w**2 + 4 * w) * s**2"), "multiply the weights"),
        (cost(work="2 * b * 18 * w**2 * s**2"), "count as one"),
        (cost(work="b * 18 * w**2 * (s - 2) ** 2"), "padding 1 keeps"),
        (cost(work="b * 9 * w**2 * s**2"), "The work: a block has two convolutions"),
        (cost(work="b * 2 * w**2 * s**2"), "the kernels are"),
        (cost(work="18 * w**2 * s**2"), "The work: that is one block's"),
        (cost("b * (18 * w**2 + 4 * w) / 1"), "an int each"),
        ("def stage_cost(b, w, s):\n    b * w", "is there a `return`"),
        ("def stage_cost(b, w):\n    return 0, 0", "raised TypeError"),
        (
            "def stage_cost(b, w, s):\n"
            "    stage = nn.Sequential(*(BasicBlock(w, w) for _ in range(b)))\n"
            "    return sum(p.numel() for p in stage.parameters()), 0",
            "without building it",
        ),
    ],
    "written": [
        (pairs("(y - s).norm() / s.norm()"), "how far the ReLU lets"),
        (pairs("y.norm() / s.norm()"), "what leaves the block, not"),
        (pairs("s.norm() / f.norm()"), "Turned over"),
        (pairs("(f.norm() / s.norm()) ** 2"), "Those are squares"),
        (pairs("f.std() / s.std()"), "Those are spreads"),
        (pairs("f.norm() / y.norm()"), "Compared with what leaves"),
        (pairs("f.norm() / x.norm()"), "only part of"),
        (
            pairs("(f.flatten(1).norm(dim=1) / s.flatten(1).norm(dim=1)).mean()"),
            "each picture's share",
        ),
        (pairs("f.norm() / s.norm() + 0.1"), "the first that is off"),
        (pairs("f.flatten(1).norm(dim=1)"), "should be one number"),
        (pairs(RATIO).replace("handle.remove()", "pass"), "still there"),
        (pairs(RATIO).replace(", evaluating(network)", ""), "moved the running statistics"),
        (
            pairs(RATIO)
            .replace("    with", "    network.eval()\n    with")
            .replace(", evaluating(network)", ""),
            "in another mode",
        ),
        (pairs(RATIO).replace("return found", "return list(found.values())"), "with the keys"),
        (pairs(RATIO).replace("return found", "found"), "is there a `return`"),
        (pairs("f / s.nothing"), "raised AttributeError"),
    ],
    "settle_exactly": [
        (in_training("m.reset_running_stats(); m.momentum = None"), "was never met in evaluation"),
        (in_training("m.momentum = 0.1"), "most of the old memory"),
        (AT_ONCE, "measured at once"),
        (settled(("met.append(inputs[0])", "met.append(output)")), "what comes out of each"),
        (
            settled(
                (
                    VAR,
                    "n = sum(map(len, met)); norm.running_var.copy_("
                    "sum(len(v) * v.var((0, 2, 3), correction=0) for v in met) / n)",
                )
            ),
            "leaves it out",
        ),
        (
            settled(
                (MEAN, f"norm.running_mean.copy_({AVERAGE.format('v.mean((0, 2, 3))')})"),
                (
                    VAR,
                    f"norm.running_var.copy_({AVERAGE.format('v.var((0, 2, 3), correction=0)')})",
                ),
            ),
            "count alike",
        ),
        (settled((VAR, VAR.replace("var((0", "std((0"))), "yours holds its root"),
        (settled((CAT, "values = met[-1]")), "overwritten the one before"),
        (settled(("handle.remove()", "pass")), "each handle has"),
        (settled(("network.eval()", "network.stem.eval()")), "Leave the network in evaluation"),
        (
            settled((MEAN, MEAN + "\n        norm.weight.fill_(1.0)")),
            "A weight has changed",
        ),
        (settled((MEAN, "pass")), "is the first that remembers"),
        (
            "def settle_exactly(network, batches):\n    network.eval()",
            "No memory has changed",
        ),
        (settled(("network(batch)", "network(batch.flatten(1))")), "raised ValueError"),
    ],
}
