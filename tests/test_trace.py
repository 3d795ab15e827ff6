"""The trace: against arithmetic by hand, against torchinfo, against gradients."""

from html.parser import HTMLParser

import pytest
import torch
import torchinfo
from checks import tracing as checks
from checks.networks import CLASSES, PARAMETERS
from torch import nn

import resnet_edu
from resnet_edu.trace import HEADINGS, trace

# Millions of multiply-adds, from the design; a plain network's are those of its ResNet.
MILLIONS = {20: "40.55", 32: "68.86", 44: "97.17", 56: "125.49", 110: "252.89"}

TABLE = """\
module  kind        input         output        parameters  multiply-adds  sees
───────────────────────────────────────────────────────────────────────────────
stem    Sequential  3 × 32 × 32   16 × 32 × 32         464        442,368     3
stage1  Sequential  16 × 32 × 32  16 × 32 × 32      14,016     14,155,776    15
stage2  Sequential  16 × 32 × 32  32 × 16 × 16      51,072     12,976,128    37
stage3  Sequential  32 × 16 × 16  64 × 8 × 8       203,520     12,976,128    81
head    Sequential  64 × 8 × 8    10                   650            640   109
───────────────────────────────────────────────────────────────────────────────
in all  ResNet      3 × 32 × 32   10               269,722     40,551,040   109"""


@pytest.mark.parametrize(
    "check",
    [
        checks.check_rows_of_resnet20,
        checks.check_receptive_field_is_what_one_value_sees,
        checks.check_trace_leaves_the_network_alone,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_trace(check):
    check(resnet_edu)


@pytest.mark.parametrize("name", [*PARAMETERS, "resnet20-B", "resnet20-C"])
def test_agrees_with_torchinfo(name):
    """Parameters exactly, and multiply-adds once both count the same.

    torchinfo also counts one for each scale and shift of a batch norm and for each bias of the
    fully connected layer, as if a batch norm worked on one value a channel; we count neither.
    """
    network = resnet_edu.resnet.by_name(name, CLASSES.get(name, 10))
    info = torchinfo.summary(network, (1, 3, 32, 32), verbose=0)
    whole = trace(network)[""]
    assert whole.parameters == info.total_params
    not_counted = sum(p.numel() for p in network.parameters() if p.dim() == 1)
    assert whole.multiply_adds == info.total_mult_adds - not_counted


@pytest.mark.parametrize("depth", MILLIONS)
def test_multiply_adds_of_the_design(depth):
    for network in (resnet_edu.resnet.resnet(depth), resnet_edu.resnet.plain(depth)):
        assert f"{trace(network)[''].multiply_adds / 1e6:.2f}" == MILLIONS[depth]


def test_other_pictures():
    """Of another size, in another precision; a picture of half the side costs a quarter."""
    network = resnet_edu.resnet20()
    small = trace(network.double(), (3, 16, 16))
    assert small["stage3"].output_shape == (64, 4, 4)
    assert small["stage3"].multiply_adds * 4 == trace(network)["stage3"].multiply_adds


def test_a_part_of_a_network():
    block = resnet_edu.blocks.BasicBlock(16, 32, 2)
    rows = trace(block, (16, 32, 32))
    assert rows[""].output_shape == (32, 16, 16)
    assert rows["shortcut"].receptive_field == 1
    with pytest.raises(KeyError, match="no module 'stem' was called"):
        rows["stem"]


def test_a_plain_block_adds_a_zero():
    row = trace(resnet_edu.plain20())["stage2.0.shortcut"]
    assert (row.kind, row.output_shape, row.parameters) == ("NoShortcut", (), 0)
    assert row.cells()[3] == "–"


def test_text_table():
    assert str(trace(resnet_edu.resnet20())) == repr(trace(resnet_edu.resnet20())) == TABLE


def test_depth_of_the_table():
    """One level shows parts, two blocks, four layers; iterating gives every row all the same."""
    for depth, names in ((1, 5), (2, 5 + 9 + 3 + 3), (4, 92)):
        table = trace(resnet_edu.resnet20(), depth=depth)
        assert len(str(table).splitlines()) == names + 4
        assert len(list(table)) == 93


class Cells(HTMLParser):
    """The texts of a table's cells, a list a line, and the tags that are still open."""

    def __init__(self):
        super().__init__()
        self.lines, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.lines.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        assert self.open[-1] in ("th", "td")
        self.lines[-1].append(text)


def test_html_table():
    """The cells of the text table, well formed, and what a name holds does no harm."""
    table = trace(resnet_edu.resnet20(), depth=2)
    parser = Cells()
    parser.feed(table._repr_html_())
    assert parser.open == []
    shown = [list(row.cells()) for row in table if 1 <= row.level <= 2]
    assert parser.lines == [list(HEADINGS), *shown, ["in all", *table[""].cells()[1:]]]


def test_html_is_escaped():
    network = nn.Sequential()
    network.add_module("<b>&", nn.Conv2d(3, 4, 1))
    html = trace(network)._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;&amp;" in html


def test_measured_where_the_network_is():
    """A network on the meta device computes nothing and is traced all the same."""
    with torch.device("meta"):
        assert trace(resnet_edu.resnet20())[""].parameters == 269_722


def test_a_plain_blocks_zero_sees_nothing():
    row = trace(resnet_edu.plain20())["stage1.0.shortcut"]
    assert (row.output_shape, row.receptive_field) == ((), 0)


def test_gaps_in_a_kernel_widen_what_it_sees():
    """Three weights two pixels apart reach over five; behind a stride of two, over eight more."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, dilation=2), nn.Conv2d(4, 4, 3, dilation=2)
    )
    assert [row.receptive_field for row in trace(network) if row.level] == [5, 5 + 2 * 2 * 2]
