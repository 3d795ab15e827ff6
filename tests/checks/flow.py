"""What must hold of the studies of gradients: what they read is there, and they leave no trace."""

import copy
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from . import part
from .pictures import few_shapes

KINDS = ("A", "B", "none", "bottleneck")


def make(package, kind="A", seed=0):
    """A small network as training might leave it, in float64: no scale is 1, no shift 0."""
    blocks = part(package, "blocks")
    torch.manual_seed(seed)
    if kind == "bottleneck":
        network = package.resnet.ResNet(blocks.Bottleneck, (1, 2), (2, 3), "B", 5)
    else:
        network = package.resnet.ResNet(blocks.BasicBlock, (1, 2), (4, 6), kind, 5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.double()


def batch(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(n, 3, 8, 8, generator=generator, dtype=torch.float64)
    return pictures, torch.randint(5, (n,), generator=generator)


def state(network):
    """All that somebody who looks could change: values, gradients, modes, hooks, what is frozen."""
    modules = list(network.modules())
    return {
        "values": {name: value.clone() for name, value in network.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in network.parameters()],
        "modes": [module.training for module in modules],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in modules],
        "backward hooks": [len(p._backward_hooks or ()) for p in network.parameters()],
        "learns": [p.requires_grad for p in network.parameters()],
        "random": torch.get_rng_state(),
    }


def assert_as_before(network, before):
    after = state(network)
    for what, old in before.items():
        new = after[what]
        if what in ("values", "gradients"):
            pairs = zip(old.values(), new.values(), strict=True) if what == "values" else None
            for a, b in pairs or zip(old, new, strict=True):
                assert (a is None) == (b is None) and (a is None or torch.equal(a, b)), what
        elif what == "random":
            assert torch.equal(old, new), what
        else:
            assert old == new, what


def check_looking_leaves_no_trace(package):
    """Values, gradients, modes, hooks and dice after every study are those from before it."""
    flow, shattering, paths = (part(package, f"study.{n}") for n in ("flow", "shattering", "paths"))
    x, y = batch()
    for kind in KINDS:
        network = make(package, kind)
        F.cross_entropy(network(x), y).backward()
        network.stage2.eval()  # a mode set for all would show
        network.head[2].weight.requires_grad_(False)
        before, given = state(network), x.clone()
        with torch.no_grad():
            flow.observe(network, x, y)
            shattering.cosines(network, x, y, [0.1])
            paths.by_length(network, x, y)
            part(package, "study.specimens").without_batch_norm(network)
        assert_as_before(network, before)
        assert torch.equal(x, given) and not x.requires_grad


def check_what_is_observed_is_what_flows(package):
    """The answers behind a reading are the network's own, to the last bit, in either mode."""
    flow, (x, y) = part(package, "study.flow"), batch()
    real, seen = F.cross_entropy, []

    def note(answers, labels, **options):
        seen.append(answers.detach().clone())
        return real(answers, labels, **options)

    for dtype in (torch.float64, torch.float32):
        for training in (True, False):
            network = make(package).to(dtype).train(training)
            network = network.to(memory_format=torch.channels_last)
            with patch.object(flow.F, "cross_entropy", note):
                flow.observe(network, x.to(dtype), y)
            assert torch.equal(seen.pop(), copy.deepcopy(network)(x.to(dtype)).detach())


def check_training_is_the_same_with_and_without_looks(package):
    """After the same updates the weights are the same to the bit, looked at or not."""
    flow, data = part(package, "study.flow"), few_shapes(package)
    recipe = part(package, "recipes").Recipe("tiny", 9, 0.1, "steps", (), batch=16)
    block = part(package, "blocks").BasicBlock
    found = []
    for looks in (False, True):
        torch.manual_seed(0)
        network = package.resnet.ResNet(block, (1, 1, 1), (4, 8, 8))
        run = part(package, "train").Training(network, data, recipe)
        x, y = part(package, "study.specimens").few(data, 8)
        for _ in range(3):
            if looks:
                flow.observe(run.network, x, y)
                part(package, "study.shattering").cosines(run.network, x, y, [0.01])
            run.step()
        found.append({**run.update.tensors(), **run.network.state_dict()})
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def by_hand(network, x, y):
    """{place: (values, their gradient)} of layers and sums, written down by autograd itself."""
    network, kept = copy.deepcopy(network), {}

    def keep(name, value):
        value.retain_grad()
        kept[name] = value

    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(lambda m, _, value, name=name: keep(name, value))
        if hasattr(module, "residual"):
            module.relu.register_forward_pre_hook(lambda m, v, name=name: keep(name, v[0]))
    network.zero_grad()
    F.cross_entropy(network(x), y, reduction="sum").backward()
    return network, {name: (value.detach(), value.grad) for name, value in kept.items()}


def check_readings_are_autograds(package):
    """Every number of every reading, for all kinds of blocks, in both modes."""
    flow, (x, y) = part(package, "study.flow"), batch()
    for kind in KINDS:
        for training in (True, False):
            network = make(package, kind).train(training)
            F.cross_entropy(copy.deepcopy(network)(x), y).backward()
            network.head[2].weight.grad = torch.ones_like(network.head[2].weight)
            readings = flow.observe(network, x, y)
            copied, kept = by_hand(network, x, y)
            assert [r.name for r in readings] == list(kept)
            for reading in readings:
                values, gradient = kept[reading.name]
                assert reading.values == values[0].numel()
                assert reading.mean == pytest.approx(values.mean().item())
                assert reading.spread == pytest.approx(values.std(correction=0).item())
                a_picture = gradient.flatten(1).norm(dim=1).square().mean().sqrt().item()
                assert reading.gradient == pytest.approx(a_picture)
                of_a_value = gradient.square().mean().sqrt().item()
                assert reading.gradient_per_value == pytest.approx(of_a_value)
                if reading.kind == "sum":
                    assert reading.weight is None and reading.weight_gradient is None
                    continue
                weight = copied.get_submodule(reading.name).weight
                assert reading.weight == pytest.approx(weight.norm().item())
                assert reading.weight_gradient == pytest.approx(weight.grad.norm().item() / len(x))
                assert reading.relative == pytest.approx(reading.weight_gradient / reading.weight)


def check_every_place_is_read(package):
    """All layers with weights and one sum a block, in the order in which they are come by."""
    flow, (x, y) = part(package, "study.flow"), batch()
    block = ["residual.0", "residual.3"]
    for kind, projection in (("A", []), ("B", ["stage2.0.shortcut.0"]), ("none", [])):
        names = ["stem.0", *(f"stage1.0.{n}" for n in block), "stage1.0"]
        names += [*(f"stage2.0.{n}" for n in block), *projection, "stage2.0"]
        names += [*(f"stage2.1.{n}" for n in block), "stage2.1", "head.2"]
        readings = flow.observe(make(package, kind), x, y)
        assert [r.name for r in readings] == names
        kinds = ["sum" if n.count(".") == 1 and "stage" in n else "Conv2d" for n in names[:-1]]
        assert [r.kind for r in readings] == [*kinds, "Linear"]
    readings = flow.observe(make(package, "bottleneck"), x, y)
    assert [r.name for r in readings if r.kind == "sum"] == ["stage1.0", "stage2.0", "stage2.1"]
    assert sum(r.kind == "Conv2d" for r in readings) == 1 + 3 * 3 + 2


def check_without_batch_norm(package):
    """No batch norm is left, and nothing else is other: fresh ones do nothing in evaluation."""
    network = package.resnet20("B").double().eval()
    bare = part(package, "study.specimens").without_batch_norm(network)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 21
    assert not any(isinstance(m, nn.BatchNorm2d) for m in bare.modules())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert_close(bare(x), network(x))
    nn.init.zeros_(bare.stem[0].weight)
    assert network.stem[0].weight.any()


def check_gradients_of_pixels(package):
    """Of each picture's own logit, against differences of that logit."""
    shattering, (x, y) = part(package, "study.shattering"), batch()
    network = make(package).eval()
    gradients = shattering.pixel_gradients(network, x, y)
    assert gradients.shape == (6, 3 * 8 * 8)
    way = torch.randn_like(x)
    with torch.no_grad():
        ends = [network(x + t * way).gather(1, y[:, None])[:, 0] for t in (1e-6, -1e-6)]
    assert_close(
        (gradients * way.flatten(1)).sum(1), (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-6
    )


def check_cosines(package):
    """Against one picture after the other, moved by hand; and 1 where nothing bends."""
    shattering, (x, y) = part(package, "study.shattering"), batch()
    network = make(package).eval()
    here, expected = shattering.pixel_gradients(network, x, y), 0.0
    for i in range(6):
        moved = x[i] + 0.2 * (x[(i + 1) % 6] - x[i])
        there = shattering.pixel_gradients(network, moved[None], y[i : i + 1])[0]
        expected += (here[i] @ there / here[i].norm() / there.norm()).item() / 6
    found = shattering.cosines(network, x, y, [0.0, 0.2])
    assert found == [pytest.approx(1), pytest.approx(expected)]
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.Identity())
    assert shattering.cosines(network, x, y, [1.0]) == [pytest.approx(1)]


def check_reach(package):
    """Half-way between two steps on a log scale; the first step if that is near enough."""
    reach = part(package, "study.shattering").reach
    assert reach(range(4), [0.0, 0.2, 0.6, 0.9]) == pytest.approx(10**-1.75)
    assert reach(range(2), [0.7, 0.9]) == 1
    with pytest.raises(ValueError, match="never comes up to 0.5"):
        reach(range(2), [0.1, 0.4])


class Damped(nn.Module):
    """A residual branch whose gradient counts t times, and whose output is as it was."""

    def __init__(self, branch, t):
        super().__init__()
        self.branch, self.t = branch, t

    def forward(self, x):
        y = self.branch(x)
        return self.t * y + ((1 - self.t) * y).detach()


def check_paths_by_length(package):
    """With every branch's gradient taken t times, a path through k of them counts t to the k."""
    paths, (x, y) = part(package, "study.paths"), batch()
    for kind in KINDS:
        for training in (True, False):
            network = make(package, kind).train(training)
            parts = paths.by_length(network, x, y)
            assert len(parts) == 4
            for t in (1.0, 0.5, -0.7):
                damped = copy.deepcopy(network)
                for stage in damped.stages:
                    for block in stage:
                        block.residual = Damped(block.residual, t)
                z = damped.stem(x).detach().requires_grad_()
                out = z
                for stage in damped.stages:
                    out = stage(out)
                loss = F.cross_entropy(damped.head(out), y, reduction="sum")
                (whole,) = torch.autograd.grad(loss, z)
                assert_close(sum(g * t**k for k, g in enumerate(parts)), whole)
            if kind == "none":
                assert not parts[:3].any()


def check_shares(package):
    """Three parts of known lengths and angles; the shares add up to 1."""
    shares = part(package, "study.paths").shares
    parts = torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])[:, None]
    share, square = shares(parts)
    assert_close(share, torch.tensor([9 / 25, 16 / 25, 0], dtype=torch.float64))
    assert_close(square, share)
    share, square = shares(torch.tensor([[[1.0]], [[1.0]]]))
    assert share.tolist() == [0.5, 0.5] and square.tolist() == [0.25, 0.25]


def check_the_few_pictures(package):
    """The same ones for any order of the source, never validation's, and normalised."""
    few, dataset = part(package, "study.specimens").few, few_shapes(package)
    pictures, labels = few(dataset, 20)
    assert len(labels.unique()) > 5
    turned = copy.copy(dataset)
    object.__setattr__(turned, "train", dataset.train[torch.arange(199, -1, -1)])
    assert torch.equal(few(turned, 20)[0], pictures)
    training, validation = dataset.split()
    normalised = part(package, "data").normalise(training.images, dataset.mean, dataset.std)
    held_back = part(package, "data").normalise(validation.images, dataset.mean, dataset.std)
    assert all(any(torch.equal(p, q) for q in normalised) for p in pictures)
    assert not any(torch.equal(p, q) for p in pictures for q in held_back)
    with pytest.raises(ValueError, match="pictures must be 1 to 180, not 181"):
        few(dataset, 181)


def check_training_rows(package):
    """Looks at 0, 1 and the end; losses, turns and weights against a run without looks."""
    flow, dataset = part(package, "study.flow"), few_shapes(package)
    recipe = part(package, "recipes").Recipe("tiny", 9, 0.1, "steps", (), batch=16)
    train = part(package, "train")
    with patch.multiple(flow, LOOKS=(0, 1), PICTURES=8, FEW=4):
        rows = flow.training("plain20", 3, recipe, 3, dataset)
    assert [row["iteration"] for row in rows] == [0, 1, 3]
    torch.manual_seed(3)
    run = train.Training(package.plain20(), dataset, recipe, 3)
    layers = [m for m in run.network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    drawn, sums = [m.weight.detach().clone() for m in layers], []
    for _ in range(3):
        run.step()
        sums.append(run.update.sums[0].item())
    assert rows[0]["loss"] is None and rows[0]["turned"] == [1.0] * 20
    assert rows[1]["loss"] == pytest.approx(sums[0], rel=1e-3)
    assert rows[2]["loss"] == pytest.approx((sums[2] - sums[0]) / 2, rel=1e-3)
    turned = [
        F.cosine_similarity(m.weight.flatten(), w.flatten(), dim=0).item()
        for m, w in zip(layers, drawn, strict=True)
    ]
    assert min(turned) < 0.999
    assert rows[2]["turned"] == pytest.approx(turned, abs=1e-3)
    weights = [m.weight.norm().item() for m in layers]
    assert rows[2]["layers"]["weight"] == pytest.approx(weights, rel=1e-3)
    assert len(rows[2]["sums"]["gradient"]) == 9
    assert set(rows[0]["cosines"]) == {"0.0001", "0.01"}
