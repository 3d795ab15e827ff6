"""The networks, in the order of section 4.2 of He et al. (2015), and two that go beyond it.

"The first layer is 3×3 convolutions. Then we use a stack of 6n layers with 3×3 convolutions on
the feature maps of sizes {32, 16, 8} respectively, with 2n layers for each feature map size. The
numbers of filters are {16, 32, 64} respectively. The subsampling is performed by convolutions with
a stride of 2. The network ends with a global average pooling, a 10-way fully-connected layer, and
softmax. There are totally 6n+2 stacked weighted layers." The softmax is in the loss.
"""

import re
from collections.abc import Sequence

from torch import Tensor, nn

from .blocks import BasicBlock, Bottleneck, conv3x3, initialise


class ResNet(nn.Module):
    """A residual network for small pictures: a stem, one stage a width, a head.

    (N, 3, H, W) normalised pictures → (N, num_classes) logits. Stage s has `blocks_per_stage[s]`
    blocks of `widths[s]` channels; every stage but the first halves height and width, in its first
    block. `block` is `BasicBlock` or `Bottleneck`; `shortcut` is what `make_shortcut` takes.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks_per_stage: Sequence[int],
        widths: Sequence[int],
        shortcut: str = "A",
        num_classes: int = 10,
    ):
        super().__init__()
        _check(blocks_per_stage, widths, num_classes)
        self.stem = nn.Sequential(
            conv3x3(3, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )  # (N, 3, 32, 32) → (N, 16, 32, 32)
        in_channels = widths[0]
        for s, (count, width) in enumerate(zip(blocks_per_stage, widths, strict=True)):
            blocks = []
            for b in range(count):
                stride = 2 if s > 0 and b == 0 else 1
                blocks.append(block(in_channels, width, stride, shortcut))
                in_channels = block.expansion * width
            self.add_module(f"stage{s + 1}", nn.Sequential(*blocks))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes)
        )  # (N, 64, 8, 8) → (N, 64, 1, 1) → (N, 64) → (N, 10)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1] != 3:
            raise ValueError(
                f"pictures must have shape (N, 3, height, width), not {tuple(x.shape)}"
            )
        if not x.is_floating_point():
            raise TypeError(
                f"pictures must be normalised floats, not {x.dtype}; see data.normalise"
            )
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x)

    @property
    def stages(self) -> list[nn.Module]:
        """`stage1`, `stage2`, `stage3`, … in forward order."""
        return [module for name, module in self.named_children() if name.startswith("stage")]


def _check(blocks_per_stage: Sequence[int], widths: Sequence[int], num_classes: int) -> None:
    if not widths or len(blocks_per_stage) != len(widths):
        raise ValueError(
            "blocks_per_stage and widths need one number a stage, the same number of stages, not "
            f"{list(blocks_per_stage)} and {list(widths)}"
        )
    for name, values in (
        ("blocks_per_stage", blocks_per_stage),
        ("widths", widths),
        ("num_classes", [num_classes]),
    ):
        if any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in values):
            raise ValueError(f"{name} must be whole numbers of 1 or more, not {list(values)}")


# The family of section 4.2: depth 6n + 2, widths 16, 32, 64.


def resnet(depth: int, shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """The CIFAR residual network of `depth` weighted layers; ValueError unless depth is 6n + 2."""
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 32, 44, 56, 110, …), not {depth!r}")
    n = (depth - 2) // 6
    return ResNet(BasicBlock, (n, n, n), (16, 32, 64), shortcut, num_classes)


def plain(depth: int, num_classes: int = 10) -> ResNet:
    """`resnet(depth)` without its shortcuts: the same layers, the same parameters."""
    return resnet(depth, "none", num_classes)


def resnet20(shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """n = 3: 9 blocks. 269,722 parameters, 40.55 million multiply-adds; the paper's 0.27 M."""
    return resnet(20, shortcut, num_classes)


def resnet32(shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """n = 5: 15 blocks. 464,154 parameters, 68.86 million multiply-adds."""
    return resnet(32, shortcut, num_classes)


def resnet44(shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """n = 7: 21 blocks. 658,586 parameters, 97.17 million multiply-adds."""
    return resnet(44, shortcut, num_classes)


def resnet56(shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """n = 9: 27 blocks. 853,018 parameters, 125.49 million multiply-adds."""
    return resnet(56, shortcut, num_classes)


def resnet110(shortcut: str = "A", num_classes: int = 10) -> ResNet:
    """n = 18: 54 blocks. 1,727,962 parameters, 252.89 million multiply-adds."""
    return resnet(110, shortcut, num_classes)


def plain20(num_classes: int = 10) -> ResNet:
    """ResNet-20 without its nine shortcuts; the same 269,722 parameters."""
    return plain(20, num_classes)


def plain32(num_classes: int = 10) -> ResNet:
    """ResNet-32 without its fifteen shortcuts."""
    return plain(32, num_classes)


def plain44(num_classes: int = 10) -> ResNet:
    """ResNet-44 without its twenty-one shortcuts."""
    return plain(44, num_classes)


def plain56(num_classes: int = 10) -> ResNet:
    """ResNet-56 without its twenty-seven shortcuts."""
    return plain(56, num_classes)


def plain110(num_classes: int = 10) -> ResNet:
    """ResNet-110 without its fifty-four shortcuts."""
    return plain(110, num_classes)


# Beyond section 4.2: the shapes of the paper's ImageNet networks (table 1), cut for small pictures.


def resnet18(num_classes: int = 10) -> ResNet:
    """Four stages of two blocks, widths 16 to 128, projections: 701,466 parameters.

    This is the CIFAR network. torchvision's ResNet-18 has the same plan with widths 64 to 512, a
    7×7 stem and a max-pool for pictures of 224 × 224: 11 million parameters.
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), (16, 32, 64, 128), "B", num_classes)


def resnet50(num_classes: int = 100) -> ResNet:
    """Bottlenecks 3, 4, 6, 3 of widths 64 to 512 with projections; a 3×3 stem, no max-pool."""
    return ResNet(Bottleneck, (3, 4, 6, 3), (64, 128, 256, 512), "B", num_classes)


_BY_NAME = {
    make.__name__: make
    for make in (
        *(resnet20, resnet32, resnet44, resnet56, resnet110),
        *(plain20, plain32, plain44, plain56, plain110),
        *(resnet18, resnet50),
    )
}
NAMES = tuple(_BY_NAME)


def by_name(name: str, num_classes: int = 10) -> ResNet:
    """The network a name on the command line or in a record means: "resnet20", "plain56", …

    A ResNet of section 4.2 has shortcuts of option A; "resnet20-B" and "resnet20-C" have the
    others. Raises `ValueError` for any other name.
    """
    base, dash, shortcut = name.partition("-")
    family = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")
    if base not in _BY_NAME or (dash and (base not in family or shortcut not in ("B", "C"))):
        raise ValueError(
            f"unknown network {name!r}; there are {', '.join(NAMES)}, and with other shortcuts "
            "resnet20-B, resnet20-C and the like"
        )
    if dash:
        return _BY_NAME[base](shortcut=shortcut, num_classes=num_classes)
    return _BY_NAME[base](num_classes=num_classes)


def depth_of(network: str) -> int:
    """The number in a network's name: 20 of "resnet20-B"."""
    return int(re.search(r"\d+", network)[0])
