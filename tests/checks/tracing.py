"""What must hold of the trace."""

import torch
from torch import nn

from . import part


def layers_of_a_stage(stage, channels_in, channels, side, step, field):
    """The rows below one stage of ResNet-20, by the arithmetic of the paper; and the last field.

    (name, kind, input, output, parameters, multiply-adds, field); `field` and `step` are those of
    the stage's input, in pixels of the picture.
    """
    rows = []
    for b in range(3):
        name, narrow = f"{stage}.{b}", b == 0 and channels_in != channels
        c, stride = (channels_in, 2) if narrow else (channels, 1)
        x, y = (c, side * stride, side * stride), (channels, side, side)
        first, second = 9 * c * channels, 9 * channels * channels
        seen = field
        middle = field + 2 * step
        step *= stride
        field = middle + 2 * step
        parameters, work = first + second + 4 * channels, (first + second) * side**2
        shortcut = "PadShortcut" if narrow else "Identity"
        rows += [
            (name, "BasicBlock", x, y, parameters, work, field),
            (f"{name}.residual", "Sequential", x, y, parameters, work, field),
            (f"{name}.residual.0", "Conv2d", x, y, first, first * side**2, middle),
            (f"{name}.residual.1", "BatchNorm2d", y, y, 2 * channels, 0, middle),
            (f"{name}.residual.2", "ReLU", y, y, 0, 0, middle),
            (f"{name}.residual.3", "Conv2d", y, y, second, second * side**2, field),
            (f"{name}.residual.4", "BatchNorm2d", y, y, 2 * channels, 0, field),
            (f"{name}.shortcut", shortcut, x, y, 0, 0, seen),
            (f"{name}.relu", "ReLU", y, y, 0, 0, field),
        ]
    return rows, step, field


def rows_of_resnet20():
    """All 93 rows. The fields: 3 after the stem, 15, 37 and 81 after the stages, then 7·4 more."""
    picture, stem = (3, 32, 32), (16, 32, 32)
    rows = [
        ("", "ResNet", picture, (10,), 269_722, 40_551_040, 109),
        ("stem", "Sequential", picture, stem, 464, 442_368, 3),
        ("stem.0", "Conv2d", picture, stem, 432, 442_368, 3),
        ("stem.1", "BatchNorm2d", stem, stem, 32, 0, 3),
        ("stem.2", "ReLU", stem, stem, 0, 0, 3),
    ]
    step, field, x = 1, 3, stem
    for stage, y, parameters, work in (
        ("stage1", (16, 32, 32), 14_016, 14_155_776),
        ("stage2", (32, 16, 16), 51_072, 12_976_128),
        ("stage3", (64, 8, 8), 203_520, 12_976_128),
    ):
        below, step, field = layers_of_a_stage(stage, x[0], y[0], y[1], step, field)
        rows += [(stage, "Sequential", x, y, parameters, work, field), *below]
        x = y
    pooled = (64, 1, 1)
    return [
        *rows,
        ("head", "Sequential", x, (10,), 650, 640, 109),
        ("head.0", "AdaptiveAvgPool2d", x, pooled, 0, 0, 109),
        ("head.1", "Flatten", pooled, (64,), 0, 0, 109),
        ("head.2", "Linear", (64,), (10,), 650, 640, 109),
    ]


def check_rows_of_resnet20(package):
    rows = list(part(package, "trace").trace(package.resnet20()))
    assert len(rows) == 93
    for row, expected in zip(rows, rows_of_resnet20(), strict=True):
        name, kind, x, y, parameters, work, field = expected
        assert (row.name, row.kind, row.input_shape, row.output_shape) == (name, kind, x, y)
        assert (row.parameters, row.multiply_adds) == (parameters, work), name
        assert row.receptive_field == field, name
        assert row.level == (name.count(".") + 1 if name else 0)


def check_receptive_field_is_what_one_value_sees(package):
    """The gradient of one output value is not zero exactly inside the square that is claimed."""
    blocks = part(package, "blocks")
    for block, option in (
        (blocks.BasicBlock, "A"),
        (blocks.BasicBlock, "B"),
        (blocks.Bottleneck, "B"),
        (blocks.BasicBlock, "none"),
    ):
        network = package.resnet.ResNet(block, (1, 1, 1), (2, 4, 8), option).double().eval()
        for weights in network.parameters():
            nn.init.constant_(weights, 0.1)  # positive: no ReLU is off, nothing cancels
        picture = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
        rows = part(package, "trace").trace(network, (3, 96, 96))
        outputs = outputs_of_parts(network, picture)
        for row in rows:
            if len(row.output_shape) == 3 and row.level > 0 and not row.name.startswith("head"):
                assert square_seen(outputs[row.name], picture) == row.receptive_field, row.name


def outputs_of_parts(network, picture):
    outputs = {}
    handles = [
        module.register_forward_hook(lambda _, args, y, name=name: outputs.update({name: y}))
        for name, module in network.named_modules()
    ]
    network(picture)
    for handle in handles:
        handle.remove()
    return outputs


def square_seen(output, picture):
    """The side of the square of pixels that the middle of `output` depends on."""
    middle = output.shape[-1] // 2
    value = output[0, :, middle, middle].sum()
    (gradient,) = torch.autograd.grad(value, picture, retain_graph=True)
    seen = (gradient[0] != 0).all(dim=0)
    assert torch.equal(seen, (gradient[0] != 0).any(dim=0))
    rows, columns = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
    height, width = ((place.max() - place.min() + 1).item() for place in (rows, columns))
    assert height == width and seen.sum() == height * width
    assert rows.min() > 0 and rows.max() < 95, "the border cuts the square"
    return height


def check_trace_leaves_the_network_alone(package):
    """Weights, statistics, mode, gradients and hooks are as before, also after an error."""
    network, trace = package.resnet20(), part(package, "trace").trace
    network(torch.randn(4, 3, 8, 8)).sum().backward()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for training in (True, False):
        network.train(training)
        trace(network)
        try:
            trace(network, (1, 32, 32))
        except ValueError as error:
            assert "shape (N, 3, height, width)" in str(error)
        else:
            raise AssertionError("a grey picture was traced")
        assert all(module.training == training for module in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is not None for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
