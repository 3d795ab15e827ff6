"""The blocks a residual network is made of: two residual branches and four shortcuts.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (2015), sections 3.2 and 4.2.
Pictures and activations are float tensors of shape (N, channels, height, width).
"""

import torch.nn.functional as F
from torch import Tensor, nn


def conv3x3(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3×3 convolution with padding 1; without bias, as the batch norm behind it shifts anyway."""
    return nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)


def conv1x1(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution without bias: it mixes channels and never looks at a neighbour."""
    return nn.Conv2d(in_channels, channels, kernel_size=1, stride=stride, bias=False)


class PadShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and new channels that are zero. No parameters.

    (N, in_channels, H, W) → (N, channels, ⌈H/stride⌉, ⌈W/stride⌉). Half of the new channels stand
    before the old ones and half after, as the widely used published checkpoints have it; the paper
    (section 3.3) does not say where they stand.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 2):
        super().__init__()
        if channels < in_channels:
            raise ValueError(
                f"option A only adds channels, it cannot go from {in_channels} to {channels}; "
                'use a projection, shortcut="B"'
            )
        self.stride = stride
        self.before = (channels - in_channels) // 2
        self.after = channels - in_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))  # width, height, channels


class ProjectionShortcut(nn.Sequential):
    """Option B: a 1×1 convolution with the block's stride, then batch norm (section 3.3).

    (N, in_channels, H, W) → (N, channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 2):
        super().__init__(conv1x1(in_channels, channels, stride), nn.BatchNorm2d(channels))


class NoShortcut(nn.Module):
    """A plain block's shortcut: the number zero, so that nothing is added."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


def make_shortcut(kind: str, in_channels: int, channels: int, stride: int) -> nn.Module:
    """The shortcut of one block: the identity wherever shapes allow it, else what `kind` says.

    `kind` is "A" (pad), "B" (project), "C" (project everywhere, even where shapes agree) or
    "none" (plain). Options A, B and C are those of section 4.1; any other is a `ValueError`.
    """
    same_shape = stride == 1 and in_channels == channels
    if kind == "none":
        return NoShortcut()
    if kind == "C" or (kind == "B" and not same_shape):
        return ProjectionShortcut(in_channels, channels, stride)
    if kind == "A" and not same_shape:
        return PadShortcut(in_channels, channels, stride)
    if kind in ("A", "B"):
        return nn.Identity()
    raise ValueError(f'shortcut must be "A", "B", "C" or "none", not {kind!r}')


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: relu(F(x) + x), figure 2 of the paper.

    (N, in_channels, H, W) → (N, channels, ⌈H/stride⌉, ⌈W/stride⌉). `shortcut` is what
    `make_shortcut` takes.
    """

    expansion = 1  # the block's output has `expansion * channels` channels

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: str = "A"):
        super().__init__()
        self.residual = nn.Sequential(
            conv3x3(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = make_shortcut(shortcut, in_channels, channels, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.residual(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1×1 down, 3×3, 1×1 up to four times `channels`, and a shortcut: figure 5 of the paper.

    (N, in_channels, H, W) → (N, 4 · channels, ⌈H/stride⌉, ⌈W/stride⌉). The stride sits on the 3×3
    convolution, as in torchvision; the paper's own networks had it on the first 1×1, which then
    throws away three pixels in four before anything has looked at them.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: str = "B"):
        super().__init__()
        out_channels = self.expansion * channels
        self.residual = nn.Sequential(
            conv1x1(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv1x1(channels, out_channels),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = make_shortcut(shortcut, in_channels, out_channels, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.residual(x) + self.shortcut(x))


def initialise(network: nn.Module) -> None:
    """Draw every weight as He et al. do, in place: normal, zero mean, variance 2 / fan-in.

    With variance 2 / fan-in a convolution followed by a ReLU keeps the size of the activations on
    the way forward; 2 / fan-out would keep the size of the gradients on the way back. Delving Deep
    into Rectifiers (2015), section 2.2, derives both and finds either enough; we take fan-in, the
    first. Batch norm starts as PyTorch has it, at scale 1 and shift 0; other biases start at 0.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
