"""Faults of blocks, shortcuts and networks."""

from checks import networks

from . import Fault

FORWARD = "        return self.relu(self.residual(x) + self.shortcut(x))\n"
OF_BASIC, OF_BOTTLENECK = "\n\nclass Bottleneck", "\n\ndef initialise"
TWO_CONVOLUTIONS = """\
            conv3x3(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )
        self.shortcut"""
SUBSAMPLED = "x[:, :, :: self.stride, :: self.stride]"
STEM = "conv3x3(3, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU()"
HEAD = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear"


def forward(name, new, check=networks.check_plans_agree_with_the_paper, of=OF_BASIC):
    return Fault(name, "blocks", FORWARD + of, f"        return {new}\n" + of, check)


def convolutions(name, old, new, check=networks.check_plans_agree_with_the_paper):
    assert TWO_CONVOLUTIONS.count(old) == 1
    changed = TWO_CONVOLUTIONS.replace(old, new)
    return Fault(name, "blocks", TWO_CONVOLUTIONS, changed, check)


BLOCKS = [
    forward("ReLU before the addition", "self.relu(self.residual(x)) + self.shortcut(x)"),
    forward("no ReLU after the addition", "self.residual(x) + self.shortcut(x)"),
    forward(
        "no ReLU after a bottleneck's addition",
        "self.residual(x) + self.shortcut(x)",
        networks.check_relu_follows_the_addition,
        OF_BOTTLENECK,
    ),
    forward("the shortcut is subtracted", "self.relu(self.residual(x) - self.shortcut(x))"),
    forward("the shortcut is halved", "self.relu(self.residual(x) + 0.5 * self.shortcut(x))"),
    forward(
        "a residual of zero is not the identity",
        "self.relu(self.residual(x) + self.shortcut(x) * 1.0001)",
        networks.check_zero_weights_give_the_identity,
    ),
    forward(
        "a shortcut that detaches",
        "self.relu(self.residual(x) + self.shortcut(x.detach()))",
        networks.check_gradients,
    ),
    forward(
        "a residual that detaches",
        "self.relu(self.residual(x.detach()) + self.shortcut(x))",
        networks.check_gradients,
        OF_BOTTLENECK,
    ),
    forward(
        "a ReLU that no hook sees",
        "F.relu(self.residual(x) + self.shortcut(x))",
        networks.check_every_module_is_called_once,
    ),
    forward(
        "an addition in place",
        "self.relu(self.residual(x).add_(self.shortcut(x)))",
        networks.check_hooks_see_what_flows,
    ),
    convolutions(
        "a ReLU in place",
        "nn.ReLU(),\n",
        "nn.ReLU(inplace=True),\n",
        networks.check_hooks_see_what_flows,
    ),
    convolutions("no ReLU between the convolutions", "nn.ReLU(),\n", "nn.Identity(),\n"),
    convolutions(
        "the stride on the second convolution",
        """(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels)""",
        """(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride)""",
    ),
    convolutions(
        "no batch norm on the first convolution",
        "stride),\n            nn.BatchNorm2d(channels)",
        "stride),\n            nn.Identity()",
        networks.check_parameter_counts,
    ),
    convolutions(
        "another momentum in batch norm",
        "stride),\n            nn.BatchNorm2d(channels)",
        "stride),\n            nn.BatchNorm2d(channels, momentum=0.01)",
        networks.check_batch_norm_defaults,
    ),
    convolutions(
        "the shortcut's parameters before the residual's",
        "\n        )\n        self.shortcut",
        "\n        )\n"
        "        self._modules = {'shortcut': None, **self._modules}\n"
        "        self.shortcut",
        networks.check_parameter_order,
    ),
    Fault(
        "a bias in the convolutions",
        "blocks",
        "padding=1, bias=False)",
        "padding=1, bias=True)",
        networks.check_parameter_counts,
    ),
    Fault(
        "a border that is not zero",
        "blocks",
        "padding=1, bias=False)",
        'padding=1, padding_mode="replicate", bias=False)',
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "a bottleneck's stride on its first convolution",
        "blocks",
        """conv1x1(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride)""",
        """conv1x1(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels)""",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "weights drawn by fan-out",
        "blocks",
        'mode="fan_in"',
        'mode="fan_out"',
        networks.check_he_initialisation,
    ),
    Fault(
        "weights by fan-out shrink what flows",
        "blocks",
        'mode="fan_in"',
        'mode="fan_out"',
        networks.check_initial_size_is_kept_forward,
    ),
    Fault(
        "weights drawn uniformly",
        "blocks",
        "kaiming_normal_",
        "kaiming_uniform_",
        networks.check_he_initialisation,
    ),
    Fault(
        "weights drawn without the 2",
        "blocks",
        'nonlinearity="relu"',
        'nonlinearity="linear"',
        networks.check_he_initialisation,
    ),
]

SHORTCUTS = [
    Fault(
        "batch norm missing on the projection",
        "blocks",
        "super().__init__(conv1x1(in_channels, channels, stride), nn.BatchNorm2d(channels))",
        "super().__init__(conv1x1(in_channels, channels, stride))",
        networks.check_option_b_adds_two_projections,
    ),
    Fault(
        "option A padded on one side only",
        "blocks",
        "(channels - in_channels) // 2",
        "0",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option A by average pooling",
        "blocks",
        SUBSAMPLED,
        "F.avg_pool2d(x, self.stride, ceil_mode=True)",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option A takes the pixels between",
        "blocks",
        SUBSAMPLED,
        "x.roll((-1, -1), (2, 3))[:, :, :: self.stride, :: self.stride]",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "a plain network that still adds x",
        "blocks",
        "        return NoShortcut()\n",
        "        return nn.Identity() if same_shape else NoShortcut()\n",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option B projects where shapes agree",
        "blocks",
        'kind == "C" or (kind == "B" and not same_shape)',
        'kind in ("B", "C")',
        networks.check_option_b_adds_two_projections,
    ),
    Fault(
        "option A may lose channels",
        "blocks",
        "if channels < in_channels:",
        "if False:",
        networks.check_widths_and_blocks_that_make_no_network,
    ),
]

NETWORKS = [
    Fault(
        "the stride in the wrong stage",
        "resnet",
        "s > 0 and b == 0",
        "s != 1 and b == 0",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "the stride in a stage's last block",
        "resnet",
        "s > 0 and b == 0",
        "s > 0 and b == count - 1",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "pooling before the last ReLU",
        "resnet",
        f"        self.head = nn.Sequential(\n            {HEAD}",
        "        blocks[-1].relu = nn.Identity()\n"
        "        self.head = nn.Sequential(\n"
        "            nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Flatten(), nn.Linear",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "the largest value in place of the mean",
        "resnet",
        HEAD,
        HEAD.replace("Avg", "Max"),
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "no ReLU in the stem",
        "resnet",
        STEM,
        STEM.replace("nn.ReLU()", "nn.Identity()"),
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "no batch norm in the stem",
        "resnet",
        STEM,
        STEM.replace("nn.BatchNorm2d(widths[0])", "nn.Identity()"),
        networks.check_parameter_counts,
    ),
    Fault(
        "PyTorch's own initialisation",
        "resnet",
        "        initialise(self)\n",
        "",
        networks.check_he_initialisation,
    ),
    Fault(
        "depths that are not 6n + 2",
        "resnet",
        " or depth % 6 != 2",
        "",
        networks.check_depths_that_are_not_6n_plus_2,
    ),
    Fault(
        "True taken for a depth",
        "resnet",
        "isinstance(depth, bool) or not isinstance(depth, int) or depth < 8 or depth % 6 != 2",
        "depth is not True and (not isinstance(depth, int) or depth < 8 or depth % 6 != 2)",
        networks.check_depths_that_are_not_6n_plus_2,
    ),
    Fault(
        "bytes taken for normalised pictures",
        "resnet",
        "        if not x.is_floating_point():\n",
        "        x = x.float()\n        if not x.is_floating_point():\n",
        networks.check_wrong_pictures,
    ),
]

FAULTS = [*BLOCKS, *SHORTCUTS, *NETWORKS]
