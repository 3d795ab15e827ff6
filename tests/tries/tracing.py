"""What a student may try in *Tracing every shape*, and words that only the answer to it has."""

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import resnet
from resnet_edu.evaluate import evaluating
from resnet_edu.exercises import tracing

from . import changes_of

changed = changes_of("tracing")
SCOPE = {"torch": torch, "nn": nn, "F": F, "exercises": tracing, "evaluating": evaluating}
SCOPE |= {"resnet": resnet.resnet}

OUTPUTS = """\
def outputs(network, picture, leaves=True):
    found, handles = {}, []
    for name, module in network.named_modules():
        if leaves and any(module.children()):
            continue
        keep = lambda m, i, y, name=name: found.update({name: y})
        handles.append(module.register_forward_hook(keep))
    with torch.no_grad(), evaluating(network):
        network(picture)
    for handle in handles:
        handle.remove()
    return found


"""


def n(body):
    """The first exercise's answer."""
    return f"def blocks_a_stage(depth, layers):\n    {body}"


def work(**changes):
    """The second exercise's answer with some of its parts otherwise."""
    parts = dict(
        stem="9 * 3 * 16 * side**2",
        side="side //= 2",
        shortcut="before * width * side**2",
        stage="9 * (before + (2 * n - 1) * width) * width * side**2",
        head="10 * before",
        times="1",
    )
    parts |= changes
    return (
        "def multiply_adds(n, shortcut, side):\n"
        f"    work, before, whole = {parts['stem']}, 16, side\n"
        "    for width in (16, 32, 64):\n"
        "        old = side\n"
        "        if width != before:\n"
        f"            {parts['side']}\n"
        "            if shortcut == 'B':\n"
        f"                work += {parts['shortcut']}\n"
        f"        work += {parts['stage']}\n"
        "        before = width\n"
        f"    return {parts['times']} * (work + {parts['head']})"
    )


def compare(test, reading=OUTPUTS, found="name"):
    """The third exercise's answer: the first name for which `test` holds."""
    return (
        reading + "def first_difference(suspect, reference):\n"
        "    picture = torch.rand(2, 3, 32, 32)\n"
        "    theirs = outputs(suspect, picture)\n"
        "    for name, mine in outputs(reference, picture).items():\n"
        f"        if {test}:\n"
        f"            return {found}"
    )


UNEQUAL = "not torch.equal(mine, theirs[name])"

WRONG = {
    "blocks_a_stage": [
        (n("return (depth - 2) / (3 * layers)"), "`/` gives a float"),
        (n("return (depth - 2) // (3 * layers)"), "none of the family's"),
        (n("return (depth - 2) // (3 * layers) + 2"), "a stem and a head"),
        (n("return (depth - 2) // layers"), "all the blocks"),
        (n("return (depth - 2) // 3"), "Those are a stage's layers"),
        (n("return depth - 2"), "without the 2 at the ends"),
        (n("return (depth - 2) // 6 if (depth - 2) % 6 == 0 else None"), "not 6n+2"),
        (
            n(
                "k, rest = divmod(depth - 2, 3 * layers)\n"
                "    return k if rest == 0 and k >= 0 else None"
            ),
            "no stage",
        ),
        (n("return {20: 3, 8: 1}.get(depth)"), "It exists"),
        (n("print(depth)"), "is there a `return`"),
        (n("return depth[0]"), "raised TypeError"),
    ],
    "multiply_adds": [
        (
            "def multiply_adds(n, shortcut, side):\n"
            "    return 97_216 * n - 21_926 + 2_752 * (shortcut == 'B')",
            "Those are the parameters",
        ),
        (
            work(stem="432", shortcut="before * width", stage="9 * (before + (2*n-1)*width)*width"),
            "used once a position",
        ),
        (work(times="2"), "Here they are one"),
        (work(head="0"), "64 · 10"),
        (work(stem="0"), "The stem is missing"),
        (work(stem="0", head="0"), "Stem and head"),
        (work(shortcut="0"), "work too"),
        (work(shortcut="9 * before * width * side**2"), "not 3×3"),
        (work(shortcut="before * width * old**2"), "The projections have stride 2"),
        (work(side="pass"), "halves height and width"),
        (
            work(stage="9 * (before * old**2 + (2 * n - 1) * width * side**2) * width"),
            "a quarter of those",
        ),
        (work(stage="9 * 2 * n * width * width * side**2"), "half as many channels"),
        (work(head="10 * before + 10"), "Biases are added"),
        (work(head="11 * before"), "Go layer by layer"),
        (work(times="1.0"), "a whole number"),
        ("def multiply_adds(n, shortcut, side):\n    n * side", "is there a `return`"),
        ("def multiply_adds(n, side):\n    return 0", "raised TypeError"),
        (
            "def multiply_adds(n, shortcut, side):\n    return len(list(resnet(8).modules()))",
            "from the plan alone",
        ),
    ],
    "first_difference": [
        (compare("mine.shape != theirs[name].shape"), "Compare the numbers"),
        (
            compare(UNEQUAL, OUTPUTS.replace("handle.remove()", "pass")),
            "still there",
        ),
        (
            compare(
                UNEQUAL, OUTPUTS.replace("torch.no_grad(), evaluating(network)", "torch.no_grad()")
            ),
            "Looking changed the network",
        ),
        (
            compare(
                UNEQUAL,
                OUTPUTS.replace(
                    "    with torch.no_grad(), evaluating(network):",
                    "    network.eval()\n    with torch.no_grad():",
                ),
            ),
            "in another mode",
        ),
        (
            OUTPUTS + "def first_difference(suspect, reference):\n"
            "    picture = torch.rand(2, 3, 32, 32)\n"
            "    theirs = outputs(suspect, picture, leaves=False)\n"
            "    mine = outputs(reference, picture, leaves=False)\n"
            "    for name, _ in reference.named_modules():\n"
            "        if not torch.equal(mine[name], theirs[name]):\n"
            "            return name",
            "is a container",
        ),
        (compare(UNEQUAL, found="reference.get_submodule(name)"), "Return its name"),
        (compare(UNEQUAL, found="'block.' + name"), "There is no module"),
        (
            OUTPUTS + "def first_difference(suspect, reference):\n"
            "    picture = torch.rand(2, 3, 32, 32)\n"
            "    theirs = outputs(suspect, picture)\n"
            "    last = None\n"
            "    for name, mine in outputs(reference, picture).items():\n"
            "        if not torch.equal(mine, theirs[name]):\n"
            "            last = name\n"
            "    return last",
            "something before it does",
        ),
        (compare("True"), "computes the same in both"),
        (compare("(mine != theirs[name]).any()"), "raised RuntimeError"),
        (
            changed("first_difference", ("    return None\n", "    return name\n")),
            "exact copy",
        ),
        (
            OUTPUTS + "def first_difference(suspect, reference):\n"
            "    pairs = zip(suspect.named_modules(), reference.modules())\n"
            "    for (name, a), b in pairs:\n"
            "        if getattr(a, 'stride', 0) != getattr(b, 'stride', 0):\n"
            "            return name\n"
            "        if type(a) is not type(b) and name.count('.') > 2:\n"
            "            return name",
            "At stage3.1.shortcut",
        ),
        ("def first_difference(suspect, reference):\n    suspect.eval()", "lost it on the way"),
    ],
}
