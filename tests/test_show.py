"""Numbers that hold on every machine; drawings that say what the blocks say; figures' form."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from resnet_edu import blocks
from resnet_edu.show import draw_blocks, figures, number


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.25, 3, "0.25"), (1234.5678, 4, "1235"), (-0.001224, 2, "-0.0012"), (1, 3, "1")],
)
def test_number(value, digits, text):
    assert number(value, digits) == text
    assert number(np.float64(value), digits) == text
    assert number(torch.tensor(value, dtype=torch.float64), digits) == text


def test_what_rounding_leaves_of_zero_is_zero():
    assert number(3e-17) == number(-2e-13) == "0"
    assert number(2e-12) == "2e-12"


@pytest.mark.parametrize("value", [0.1235, 0.12349999999, 0.12350000001, 2.5e-5 - 1e-15])
def test_number_refuses_a_rounding_edge(value):
    digits = 3 if value > 0.1 else 1
    with pytest.raises(ValueError, match="rounding edge"):
        number(value, digits)


def test_number_holds_when_a_machine_differs_in_the_last_digits():
    generator = np.random.RandomState(0)
    shown = refused = 0
    for value in generator.lognormal(sigma=8, size=2000):
        try:
            text = number(value)
        except ValueError:
            refused += 1
            continue
        shown += 1
        assert number(value * (1 + 1e-9)) == number(value * (1 - 1e-9)) == text
    assert shown > 50 * refused


def test_number_refuses_float32_and_what_is_no_number():
    with pytest.raises(TypeError, match="float32"):
        number(torch.tensor(0.25))
    with pytest.raises(TypeError, match="float64"):
        number(torch.tensor(1))
    with pytest.raises(ValueError, match="nan"):
        number(float("nan"))
    with pytest.raises(ValueError, match="1 to 4"):
        number(0.25, 5)


def words(drawing, i=0):
    """The texts in one of a drawing's SVGs, from top to bottom as they were drawn."""
    return [element.text for element in ElementTree.fromstring(drawing.svgs[i]).iter("text")]


def test_a_drawing_says_what_the_block_is():
    drawing = draw_blocks(
        {
            "plain": blocks.BasicBlock(16, 16, 1, "none"),
            "A": blocks.BasicBlock(16, 32, 2, "A"),
            "B": blocks.BasicBlock(16, 32, 2, "B"),
        },
        (16, 32, 32),
        alt="words",
        caption="a caption with < in it",
    )
    plain, a, b = (words(drawing, i) for i in range(3))
    layers = ["conv 3×3, 16", "batch norm", "ReLU", "conv 3×3, 16", "batch norm"]
    assert plain[:7] == ["plain", "x: 16 × 32 × 32", *layers]
    assert "conv 3×3, 32, stride 2" in a and a[-1] == "32 × 16 × 16"
    assert {"every 2nd pixel", "8 + 8 zero maps", "0 parameters"} <= set(a)
    assert {"conv 1×1, stride 2", "576 parameters"} <= set(b)
    page = drawing._repr_html_()
    assert 'aria-label="words"' in page and "a caption with &lt; in it" in page
    assert repr(drawing) == "Drawing: words"


def test_a_plain_block_is_drawn_without_a_plus():
    with_plus, without = (
        draw_blocks({"": blocks.BasicBlock(4, 4, 1, kind)}, (4, 8, 8), alt="", caption="").svgs[0]
        for kind in ("A", "none")
    )
    assert "<circle" in with_plus and "<circle" not in without


def test_pictures_are_stretched_and_a_flat_one_is_black():
    _, axes = figures.canvas(1, 2)
    ramp = torch.linspace(-3, 5, 48).reshape(3, 4, 4)
    figures.show_pictures(axes[0], [ramp, torch.full((3, 4, 4), 7.0)], ["ramp", "flat"])
    shown = [ax.images[0].get_array() for ax in axes[0]]
    assert (shown[0].min(), shown[0].max()) == (0, 1)
    assert shown[1].max() == 0
