"""What must hold of the networks."""

from itertools import count, pairwise

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from . import part

# Option A and plain: the design's numbers. ResNet-50: torchvision's 25,557,032 less its 7×7 stem
# (9,408) and 1000 classes (2,049,000), with a 3×3 stem (1,728) and 100 classes (204,900).
PARAMETERS = {
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "plain20": 269_722,
    "plain32": 464_154,
    "plain44": 658_586,
    "plain56": 853_018,
    "plain110": 1_727_962,
    "resnet18": 701_466,
    "resnet50": 23_705_252,
}
CLASSES = {"resnet50": 100}

# Small networks in which every kind of block and shortcut occurs: block, blocks a stage, widths.
PLANS = [
    *(("BasicBlock", (2, 3, 1), (4, 8, 16), option) for option in ("A", "B", "C", "none")),
    *(("Bottleneck", (1, 2, 2), (4, 6, 8), option) for option in ("A", "B", "C", "none")),
]


def plan_of(name):
    """(block, blocks a stage, widths, option) of a named network, as the paper gives them."""
    if name == "resnet18":
        return "BasicBlock", (2, 2, 2, 2), (16, 32, 64, 128), "B"
    if name == "resnet50":
        return "Bottleneck", (3, 4, 6, 3), (64, 128, 256, 512), "B"
    family, depth = ("plain", name[5:]) if name.startswith("plain") else ("resnet", name[6:])
    depth, _, option = depth.partition("-")
    n = (int(depth) - 2) // 6
    return "BasicBlock", (n, n, n), (16, 32, 64), "none" if family == "plain" else option or "A"


def make(package, plan):
    """The package's network of a plan, in float64, with batch norms that are not all alike."""
    block, *rest = plan
    return stirred(package.resnet.ResNet(getattr(part(package, "blocks"), block), *rest))


def stirred(network):
    """The network in float64 with random scales, shifts and statistics in its batch norms."""
    for module in network.double().modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def paper_forward(tensors, x, plan, num_classes, training):
    """Sections 3.3 and 4.2 of the paper in functions alone; takes its tensors by position."""
    block, counts, widths, option = plan
    tensors = iter(tensors)

    def conv(x, channels, side, stride=1):
        weight = next(tensors)
        assert weight.shape == (channels, x.shape[1], side, side)
        return F.conv2d(x, weight, stride=stride, padding=side // 2)

    def norm(x):
        scale, shift, mean, variance, _ = (next(tensors) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, shift, training, momentum=0.1, eps=1e-5)

    def basic(x, width, stride):
        x = F.relu(norm(conv(x, width, 3, stride)))
        return norm(conv(x, width, 3))

    def bottleneck(x, width, stride):
        x = F.relu(norm(conv(x, width, 1)))
        x = F.relu(norm(conv(x, width, 3, stride)))
        return norm(conv(x, 4 * width, 1))

    def shortcut(x, channels, stride):
        if option == "none":
            return 0
        if option == "C" or (option == "B" and (stride, channels) != (1, x.shape[1])):
            return norm(conv(x, channels, 1, stride))
        old, x = x.shape[1], F.avg_pool2d(x, kernel_size=1, stride=stride)
        out = x.new_zeros(len(x), channels, *x.shape[2:])
        first = (channels - old) // 2
        out[:, first : first + old] = x
        return out

    x = F.relu(norm(conv(x, widths[0], 3)))
    for s, (blocks, width) in enumerate(zip(counts, widths, strict=True)):
        for b in range(blocks):
            stride = 2 if s > 0 and b == 0 else 1
            residual = (basic if block == "BasicBlock" else bottleneck)(x, width, stride)
            x = F.relu(residual + shortcut(x, residual.shape[1], stride))
    weight, bias = tensors  # and nothing is left over
    assert weight.shape == (num_classes, x.shape[1])
    return F.linear(x.mean(dim=(2, 3)), weight, bias)


def check_agrees_with_the_paper(network, plan, num_classes=10):
    """Same outputs and batch-norm statistics as `paper_forward`, training and evaluating."""
    x = torch.randn(3, 3, 12, 12, dtype=torch.float64)  # 12, 6, 3 and 2: odd sides too
    for training in (True, False):
        tensors = [tensor.detach().clone() for tensor in network.state_dict().values()]
        expected = paper_forward(tensors, x, plan, num_classes, training)
        got = network.train(training)(x)
        assert_close(got, expected, rtol=1e-8, atol=1e-8 * expected.abs().max().item())
        for (name, mine), other in zip(network.state_dict().items(), tensors, strict=True):
            if name.endswith(("running_mean", "running_var")):
                assert_close(mine, other, rtol=1e-8, atol=1e-8)


def check_plans_agree_with_the_paper(package):
    for plan in PLANS:
        check_agrees_with_the_paper(make(package, plan), plan)


def check_agrees_with_torchvision(package, block, counts):
    """Outputs and gradients of torchvision's network, its stem exchanged, with copied weights."""
    theirs = torchvision.models.resnet.ResNet(
        getattr(torchvision.models.resnet, block), counts, num_classes=10
    )
    theirs.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    stirred(theirs)
    ours = make(package, (block, counts, (64, 128, 256, 512), "B"))
    names = list(ours.state_dict())
    copied = dict(zip(names, theirs.state_dict().values(), strict=True))
    ours.load_state_dict(copied)
    x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    weights = torch.randn(2, 10, dtype=torch.float64)
    for network in (ours, theirs):
        network.train()
        (network(x) * weights).sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine.grad, other.grad, rtol=1e-7, atol=1e-9 * other.grad.abs().max().item())
    with torch.no_grad():
        assert_close(ours.train()(x), theirs.train()(x), rtol=1e-8, atol=1e-8)
        assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-8, atol=1e-8)


def check_parameter_counts(package):
    for name, expected in PARAMETERS.items():
        network = package.resnet.by_name(name, CLASSES.get(name, 10))
        assert sum(p.numel() for p in network.parameters()) == expected, name


def check_option_b_adds_two_projections(package):
    """16·32 + 2·32 and 32·64 + 2·64: 2,752 parameters, whatever the depth."""
    for depth in (20, 110):
        sizes = [
            sum(p.numel() for p in package.resnet.resnet(depth, option).parameters())
            for option in ("A", "B")
        ]
        assert sizes[1] - sizes[0] == 2_752


def check_plain_has_the_parameters_of_option_a(package):
    plain, residual = (
        [(name, tuple(p.shape)) for name, p in make().named_parameters()]
        for make in (package.plain20, package.resnet20)
    )
    assert plain == residual


def check_parameter_order(package):
    """Parameters stand in forward order, a block's residual before its shortcut."""
    for plan in PLANS:
        network = make(package, plan)
        called = called_modules(network)
        owners = [name.rpartition(".")[0] for name, _ in network.named_parameters()]
        assert list(dict.fromkeys(owners)) == [name for name in called if name in owners], (
            "parameters are not in the order of the forward pass"
        )


def called_modules(network):
    """Names of the modules without parts, in the order in which a forward pass calls them."""
    called = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: called.append(name))
        for name, module in network.named_modules()
        if not any(module.children())
    ]
    network(torch.randn(2, 3, 16, 16, dtype=next(network.parameters()).dtype))
    for handle in handles:
        handle.remove()
    return called


def check_every_module_is_called_once(package):
    """A hook on any module sees one call, in the order in which the modules stand."""
    for plan in PLANS:
        network = make(package, plan)
        leaves = [name for name, m in network.named_modules() if not any(m.children())]
        assert called_modules(network) == leaves


def check_hooks_see_what_flows(package):
    """What a hook is given is never changed later, and is the very input of the next module."""
    for plan in PLANS:
        network, inputs, outputs, clones = make(package, plan), {}, {}, []

        def note(tensor, tensors, module, clones=clones):
            tensors[module] = tensor
            clones.append((tensor, tensor.clone()))

        for module in network.modules():
            module.register_forward_pre_hook(lambda m, args, i=inputs: note(args[0], i, m))
            module.register_forward_hook(lambda m, args, y, o=outputs: note(y, o, m))
        network(torch.randn(2, 3, 8, 8, dtype=torch.float64))
        for tensor, as_it_was in clones:
            assert torch.equal(tensor, as_it_was), "changed in place"
        for sequence in (m for m in network.modules() if isinstance(m, nn.Sequential)):
            for module, following in pairwise(sequence):
                assert inputs[following] is outputs[module]


def check_relu_follows_the_addition(package):
    """A block's output is the positive part of residual plus shortcut."""
    blocks = part(package, "blocks")
    for block in (blocks.BasicBlock, blocks.Bottleneck):
        for option in ("A", "B", "C", "none"):
            tested = stirred(block(4, 6, 2, option)).eval()
            x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
            added = tested.residual(x) + tested.shortcut(x)
            assert (added < 0).any()
            assert torch.equal(tested(x), added.clamp(min=0))


def check_zero_weights_give_the_identity(package):
    """With a residual of zero a block is relu(x) to the bit: x itself where x is not negative."""
    blocks = part(package, "blocks")
    for block in (blocks.BasicBlock(8, 8), blocks.Bottleneck(8, 2)):
        for weights in block.residual.parameters():
            nn.init.zeros_(weights)
        x = torch.randn(2, 8, 5, 5)
        for training in (True, False):
            block.train(training)
            assert torch.equal(block(x), F.relu(x))
            assert torch.equal(block(x.abs()), x.abs())


def check_gradients(package):
    """Every gradient of every kind of block against finite differences, in float64."""
    for block in ("BasicBlock", "Bottleneck"):
        for option in ("A", "B", "C", "none"):
            for in_channels, channels, stride in ((8, 8, 1), (4, 8, 2)):
                width = channels // getattr(part(package, "blocks"), block).expansion
                check_gradients_of_a_block(package, block, in_channels, width, stride, option)


def check_gradients_of_a_block(package, block, in_channels, width, stride, option):
    make_block = getattr(part(package, "blocks"), block)
    for seed in count():  # the first whose ReLUs are alive and away from their kinks
        torch.manual_seed(seed)
        tested = stirred(make_block(in_channels, width, stride, option)).eval()
        x = torch.randn(1, in_channels, 3, 3, dtype=torch.float64, requires_grad=True)
        before = inputs_of_relus(tested, x)
        if all(y.abs().min() > 1e-3 and (y > 0).float().mean() > 0.25 for y in before):
            break
    names = [name for name, _ in tested.named_parameters()]

    def function(x, *values):
        return functional_call(tested, dict(zip(names, values, strict=True)), x)

    values = (x, *tested.parameters())
    assert torch.autograd.gradcheck(function, values, raise_exception=False, fast_mode=True), (
        block,
        option,
    )


def inputs_of_relus(block, x):
    inputs = []
    handles = [
        module.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
        for module in block.modules()
        if isinstance(module, nn.ReLU)
    ]
    block(x)
    for handle in handles:
        handle.remove()
    return inputs


def check_he_initialisation(package):
    """Each weight tensor: mean 0 and standard deviation √(2 / fan-in) within five sigma; normal."""
    standardised = []
    for name, weights in package.resnet20("B").named_parameters():
        if weights.dim() == 1:
            continue
        expected = (2 / weights[0].numel()) ** 0.5
        n = weights.numel()
        assert abs(weights.std().item() / expected - 1) < 5 / (2 * n) ** 0.5, name
        assert abs(weights.mean().item()) < 5 * expected / n**0.5, name
        standardised.append((weights / expected).flatten())
    beyond_two = (torch.cat(standardised).abs() > 2).double().mean().item()
    assert beyond_two == pytest.approx(0.0455, abs=0.003)  # a uniform draw has none there


def check_initial_size_is_kept_forward(package):
    """Convolution and ReLU keep the mean square of what flows, also where channels double."""
    convolutions = [part(package, "blocks").conv3x3(2**k, 2 ** (k + 1)) for k in range(4, 8)]
    stack = nn.Sequential(*(m for conv in convolutions for m in (conv, nn.ReLU())))
    part(package, "blocks").initialise(stack)
    x = torch.randn(4, 16, 16, 16)
    y = stack(x)[:, :, 4:-4, 4:-4]  # the zeros of the border reach no further than 4 pixels
    assert 0.75 < (y.square().mean() / x.square().mean()).item() < 1.33


def check_batch_norm_defaults(package):
    """Batch norms are PyTorch's own, as is: eps 1e-5, momentum 0.1, scale 1, shift 0."""
    norms = [
        module
        for network in (package.resnet20("C"), package.resnet50())
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    assert len(norms) == 19 + 9 + 53
    for norm in norms:
        fresh = nn.BatchNorm2d(norm.num_features)
        assert repr(norm) == repr(fresh)
        for mine, other in zip(
            norm.state_dict().values(), fresh.state_dict().values(), strict=True
        ):
            assert torch.equal(mine, other)


def check_depths_that_are_not_6n_plus_2(package):
    for depth in (18, 21, 0, -4, 2, "20", True, 20.0, None):
        for make_network in (package.resnet.resnet, package.resnet.plain):
            with pytest.raises(ValueError, match=r"depth must be 6n \+ 2 .*, not ") as caught:
                make_network(depth)
            assert str(caught.value).endswith(repr(depth))


def check_widths_and_blocks_that_make_no_network(package):
    block = part(package, "blocks").BasicBlock
    for counts, widths, words in (
        ((), (), "one number a stage"),
        ((3, 3), (16, 32, 64), "the same number of stages"),
        ((3, 0, 3), (16, 32, 64), "blocks_per_stage must be whole numbers of 1 or more"),
        ((3, True, 3), (16, 32, 64), "blocks_per_stage must be whole numbers"),
        ((3, 3, 3), (16, -32, 64), "widths must be whole numbers of 1 or more"),
        ((3, 3, 3), (16, 32.0, 64), "widths must be whole numbers"),
        ((1, 1), (16, 8), "option A only adds channels, it cannot go from 16 to 8"),
    ):
        with pytest.raises(ValueError, match=words):
            package.resnet.ResNet(block, counts, widths)
    for num_classes in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="num_classes must be whole numbers of 1 or more"):
            package.resnet20(num_classes=num_classes)


def check_unknown_names(package):
    by_name = package.resnet.by_name
    for name in ("resnet21", "ResNet20", "resnet20-A", "resnet20-D", "plain20-B", "resnet50-B", ""):
        with pytest.raises(ValueError, match=f"unknown network '{name}'; there are resnet20, "):
            by_name(name)
    for option in ("a", "D", "", None):
        with pytest.raises(ValueError, match='shortcut must be "A", "B", "C" or "none", not '):
            package.resnet20(option)


def check_wrong_pictures(package):
    network = package.resnet20()
    for shape in ((3, 32, 32), (2, 1, 32, 32), (2, 32, 32, 3), (2, 3, 1024)):
        with pytest.raises(ValueError, match=r"shape \(N, 3, height, width\), not ") as caught:
            network(torch.zeros(shape))
        assert str(caught.value).endswith(str(shape))
    with pytest.raises(TypeError, match="normalised floats, not torch.uint8"):
        network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
