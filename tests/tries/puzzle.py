"""What a student may try in *The puzzle of depth*, and words that only the answer to it has."""

import copy

import torch
from torch import nn

from resnet_edu.exercises import puzzle
from resnet_edu.study.depth import copying_block

from . import changes_of

changed = changes_of("puzzle")
SCOPE = {
    "copy": copy,
    "torch": torch,
    "nn": nn,
    "copying_block": copying_block,
    "exercises": puzzle,
}


def diagnose(body):
    """The first exercise's answer, with this for its body."""
    return f"def diagnose(shallow, deep):\n    {body}"


def signed_copy(*replacements):
    """The second exercise's answer, with mistakes."""
    return changed("signed_copy", *replacements)


def insert(*replacements):
    """The third exercise's answer, with mistakes."""
    return changed("insert", *replacements)


HELPS = "if deep[1] <= shallow[1]: return 'helps'\n    "
LIFTED = """\
@torch.no_grad()
def signed_copy(channels):
    first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
    for convolution, shift in ((first, 100), (second, -100)):
        nn.init.dirac_(convolution.weight)
        convolution.bias.fill_(shift)
    return nn.Sequential(first, nn.ReLU(), second)
"""
ONE = "            first.weight[c, c, 1, 1] = 1\n"
OTHER = "            first.weight[channels + c, c, 1, 1] = -1\n"
LAST = "            second.weight[c, channels + c, 1, 1] = -1\n"
WALK = "    for block in blocks[:position]:\n        x = block(x)\n"
STAGES = "    for earlier in deep.stages[: stage - 1]:\n        x = earlier(x)\n"

WRONG = {
    "diagnose": [
        (
            diagnose("return 'overfits' if deep[1] > shallow[1] else 'helps'"),
            "every higher test error overfitting",
        ),
        (
            diagnose(
                "return 'degrades' if deep[0] > shallow[0] else 'overfits' "
                "if deep[1] > shallow[1] else 'helps'"
            ),
            "A higher training error alone",
        ),
        (
            diagnose(
                HELPS + "return 'overfits' if deep[1] - deep[0] > shallow[1] - shallow[0] "
                "else 'degrades'"
            ),
            "You go by the gap",
        ),
        (
            diagnose(
                "if deep[0] <= shallow[0]: return 'helps'\n    "
                "return 'degrades' if deep[1] > shallow[1] else 'overfits'"
            ),
            "the other way round",
        ),
        (
            diagnose(
                "if shallow[1] <= deep[1]: return 'helps'\n    "
                "return 'degrades' if shallow[0] > deep[0] else 'overfits'"
            ),
            "the deeper network for the shallower",
        ),
        (
            diagnose(HELPS + "return 'degrades' if deep[0] >= shallow[0] else 'overfits'"),
            "With the same training error",
        ),
        (
            diagnose(
                "if deep[1] < shallow[1]: return 'helps'\n    "
                "return 'degrades' if deep[0] > shallow[0] else 'overfits'"
            ),
            "Where both have the same test error",
        ),
        (
            diagnose(HELPS + "return 'degrades' if deep[0] > 5 else 'overfits'"),
            "you say it overfits",
        ),
        (diagnose("return 'overfitting'"), "is none of"),
        (diagnose("return 'helps'"), "you say it helps"),
        (diagnose("if deep[1] > shallow[1]: return 'degrades'"), "is there a `return`"),
    ],
    "signed_copy": [
        (signed_copy((OTHER, ""), (LAST, "")), "arrives as 0"),
        (signed_copy((LAST, LAST.replace("= -1", "= 1"))), "comes out as +3"),
        (
            signed_copy(
                ("            second.weight[c, c, 1, 1] = 1\n", LAST[:-3] + "1\n"),
                (LAST, "            second.weight[c, c, 1, 1] = -1\n"),
            ),
            "sign turned round",
        ),
        (signed_copy((ONE, "")), "Only what is negative"),
        (LIFTED, "deeper than the shift"),
        (
            signed_copy(
                ("2 * channels, 3, padding=1", "2 * channels, 1"),
                ("channels, 3, padding=1", "channels, 1"),
                ("c, c, 1, 1", "c, c, 0, 0"),
                ("c, 1, 1] = -1", "c, 0, 0] = -1"),
                ("c, c, 1, 1", "c, c, 0, 0"),
                ("c, 1, 1] = -1", "c, 0, 0] = -1"),
            ),
            "should be 3 × 3",
        ),
        (
            signed_copy(
                (ONE, ONE.replace("1, 1]", "0, 1]")), (OTHER, OTHER.replace("1, 1]", "0, 1]"))
            ),
            "moved by a pixel",
        ),
        (
            signed_copy((ONE, ONE.replace("= 1", "= 2")), (OTHER, OTHER.replace("= -1", "= -2"))),
            "2 times as large",
        ),
        (signed_copy(("padding=1, bias=False", "bias=False")), "is there padding"),
        (signed_copy(("padding=1, bias=False", "padding=1")), "is not x"),
        (
            signed_copy(
                (
                    "channels, 3, padding=1, bias=False)\n    with",
                    "channels, 3, padding=1)\n    with",
                )
            ),
            "something added",
        ),
        (
            signed_copy(
                ("nn.Sequential(first, nn.ReLU(), second)", "nn.Sequential(first, second)")
            ),
            "Without a ReLU",
        ),
        (
            signed_copy(
                ("nn.Conv2d(channels, 2 * channels", "nn.Conv2d(channels, 3 * channels"),
                ("nn.Conv2d(2 * channels, channels", "nn.Conv2d(3 * channels, channels"),
            ),
            "channels between, for",
        ),
        (
            signed_copy(("nn.Sequential(first, nn.ReLU(), second)", "lambda x: x")),
            "and nothing more",
        ),
    ],
    "insert": [
        (insert(("copy.deepcopy(network).eval()", "network.eval()")), "Work on a deep copy"),
        (insert(("insert(position, ", "append(")), "the new block stands at position"),
        (insert((WALK, "")), "made for what enters the stage"),
        (insert((WALK, "    x = blocks(x)\n")), "made for what leaves the stage"),
        (insert((STAGES, "")), "made for what the stem gives"),
        (insert(("copying_block(x))", "copying_block(2 * x))")), "made for maps that it does not"),
        (
            insert(("network).eval()", "network).train()"), ("return deep", "return deep.eval()")),
            "remember is not what it was",
        ),
        (insert(("network).eval()", "network)")), "is in training mode, and would go by"),
        (
            insert(("network).eval()", "network.eval())")),
            "was in training mode, and is not any more",
        ),
        (insert(("return deep", "return blocks")), "no network"),
        (
            insert(("copying_block(x))", "nn.Identity().eval())")),
            "the network is plain, and so should",
        ),
        (
            insert(
                (
                    "copying_block(x))",
                    "copying_block(x)); n = blocks[position].residual[1]; n.weight.mul_(1.01); "
                    "n.running_var.copy_(1.0201 * (n.running_var + n.eps) - n.eps)",
                )
            ),
            "and not the variances",
        ),
        (insert(("blocks.insert(position, copying_block(x))", "pass")), "blocks, not"),
        (
            insert(
                (
                    "blocks.insert(position, copying_block(x))",
                    "blocks.insert(position, copying_block(x)); "
                    "blocks[position].residual[1].bias.zero_()",
                )
            ),
            "does not hand on what",
        ),
        (
            insert(
                (
                    "blocks.insert(position, copying_block(x))",
                    "blocks[position] = copying_block(x); blocks.append(copying_block(x))",
                )
            ),
            "not what they were",
        ),
        (
            insert(("    x = deep.stem(views)", "    x = network.train().stem(views)")),
            "has changed: is it in training",
        ),
    ],
}
