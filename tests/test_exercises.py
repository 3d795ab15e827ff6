"""Every check passes its solution, fails its stub, and tells wrong tries what is wrong."""

import importlib
import linecache
import re
from itertools import count

import chapters
import pytest
import torch

from resnet_edu import exercises

CARDS = [card for notebook in chapters.CHAPTERS for card in chapters.cards(notebook)]
TRIES = {
    notebook.stem: importlib.import_module(f"tries.{notebook.stem}")
    for notebook in chapters.CHAPTERS
}
WRONG = [
    (card, answer, words)
    for card in CARDS
    for answer, words in TRIES[card.chapter].WRONG[card.check]
]

numbers = count()


def verdict(card, answer):
    """What the card's own check says of an answer, under the names its stub uses."""
    scope = dict(TRIES[card.chapter].SCOPE)
    # As in a notebook, the source of an answer can be looked up.
    name = f"<answer {next(numbers)}>"
    linecache.cache[name] = len(answer), None, answer.splitlines(keepends=True), name
    exec(compile(answer, name, "exec"), scope)
    call = next(line for line in card.stub.splitlines() if line.startswith("exercises."))
    return eval(call, scope)


@pytest.mark.parametrize("notebook", chapters.CHAPTERS, ids=lambda notebook: notebook.stem)
def test_every_chapter_has_three_cards_and_every_card_its_wrong_tries(notebook):
    cards, wrong = chapters.cards(notebook), TRIES[notebook.stem].WRONG
    assert len(cards) >= 3
    assert set(wrong) == {card.check for card in cards}
    assert all(len(tries) >= 3 for tries in wrong.values())


@pytest.mark.parametrize("notebook", chapters.CHAPTERS, ids=lambda notebook: notebook.stem)
def test_minutes_add_up(notebook):
    minutes = [re.search(r"\*\*Minutes\*\* (\d+)", card.goal) for card in chapters.cards(notebook)]
    opening = chapters.nbformat.read(notebook, as_version=4).cells[0].source
    said = re.search(r"\*\*Exercises\*\* (\d+) minutes", opening)
    assert int(said[1]) == sum(int(found[1]) for found in minutes)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.chapter}: {card.check}")
def test_card_is_whole(card):
    for part in ("**Goal**", "**Difficulty**", "**Minutes**", "**Predict first:**"):
        assert part in card.goal.split("###")[-1]
    assert len(card.hints) == 3
    lengths = [len(hint) for hint in card.hints]
    assert lengths[0] < lengths[2], "hints go from gentle to plain"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.chapter}: {card.check}")
def test_solution_passes_and_stub_does_not(card):
    right = verdict(card, card.solution)
    assert right.right, right.message
    stub = card.stub[: card.stub.index("exercises.")]
    assert verdict(card, stub) == exercises.NOT_STARTED


def test_another_right_answer_is_right():
    others = [
        (card, answer)
        for card in CARDS
        for answer in getattr(TRIES[card.chapter], "ALSO_RIGHT", {}).get(card.check, ())
    ]
    assert others
    for card, answer in others:
        assert verdict(card, answer).right


@pytest.mark.parametrize(
    ("card", "answer", "words"),
    WRONG,
    ids=[f"{card.chapter}: {card.check}: {words}" for card, _, words in WRONG],
)
def test_wrong_try_is_told_what_is_wrong(card, answer, words):
    said = verdict(card, answer)
    assert not said.right
    assert words in said.message
    others = [other for _, other in TRIES[card.chapter].WRONG[card.check] if other != words]
    assert not any(other in said.message for other in others), "in words of its own"


def test_a_check_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    for card in CARDS:
        verdict(card, card.solution)
    assert torch.equal(torch.get_rng_state(), before)
