"""Every check passes its solution, fails its stub, and tells wrong tries what is wrong."""

import linecache
import re
from itertools import count

import chapters
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import blocks, exercises
from resnet_edu.exercises import residual_block

CARDS = [card for notebook in chapters.NOTEBOOKS for card in chapters.cards(notebook)]
BY_CHECK = {card.check: card for card in CARDS}
SCOPE = {"torch": torch, "nn": nn, "F": F, "exercises": residual_block} | vars(blocks)

numbers = count()


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


def changed(check, *replacements):
    """The solution of a card with something in it replaced: each must be there."""
    solution = BY_CHECK[check].solution
    for old, new in replacements:
        assert old in solution
        solution = solution.replace(old, new, 1)
    return solution


WRONG = {  # what a student may try, and words that only the answer to it has
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
}


def verdict(card, answer):
    """What the card's own check says of an answer, under the names its stub uses."""
    scope = dict(SCOPE)
    # As in a notebook, the source of an answer can be looked up.
    name = f"<answer {next(numbers)}>"
    linecache.cache[name] = len(answer), None, answer.splitlines(keepends=True), name
    exec(compile(answer, name, "exec"), scope)
    call = next(line for line in card.stub.splitlines() if line.startswith("exercises."))
    return eval(call, scope)


def test_every_chapter_has_three_cards_and_every_card_its_wrong_tries():
    for notebook in chapters.NOTEBOOKS:
        assert len(chapters.cards(notebook)) >= 3
    assert set(WRONG) == set(BY_CHECK)
    assert all(len(tries) >= 3 for tries in WRONG.values())


@pytest.mark.parametrize("notebook", chapters.NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_minutes_add_up(notebook):
    minutes = [re.search(r"\*\*Minutes\*\* (\d+)", card.goal) for card in chapters.cards(notebook)]
    opening = chapters.nbformat.read(notebook, as_version=4).cells[0].source
    said = re.search(r"\*\*Exercises\*\* (\d+) minutes", opening)
    assert int(said[1]) == sum(int(found[1]) for found in minutes)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.check)
def test_card_is_whole(card):
    for part in ("**Goal**", "**Difficulty**", "**Minutes**", "**Predict first:**"):
        assert part in card.goal.split("###")[-1]
    assert len(card.hints) == 3
    lengths = [len(hint) for hint in card.hints]
    assert lengths[0] < lengths[2], "hints go from gentle to plain"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.check)
def test_solution_passes_and_stub_does_not(card):
    right = verdict(card, card.solution)
    assert right.right, right.message
    stub = card.stub[: card.stub.index("exercises.")]
    assert verdict(card, stub) == exercises.NOT_STARTED


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [(check, *wrong) for check, tries in WRONG.items() for wrong in tries],
    ids=[f"{check}: {words}" for check, tries in WRONG.items() for _, words in tries],
)
def test_wrong_try_is_told_what_is_wrong(check, answer, words):
    said = verdict(BY_CHECK[check], answer)
    assert not said.right
    assert words in said.message
    others = [other for _, other in WRONG[check] if other != words]
    assert not any(other in said.message for other in others), "in words of its own"


def test_a_check_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    for card in CARDS:
        verdict(card, card.solution)
    assert torch.equal(torch.get_rng_state(), before)
