"""What a training step of ResNet-20 reaches of what this machine can do, and where the rest goes.

    python benchmarks/where_time_goes.py

Measured in turn: the rates of a large matrix product and of a wide convolution, the bandwidth of a
large copy, and the step, in float32 and bfloat16; how much of the better rate and of the bandwidth
it reaches, round by round; then the step, operation by operation; then, in turn again, how the time
of a step grows with depth and with batch.
"""

import statistics
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_edu import resnet
from resnet_edu.data import Pictures
from resnet_edu.data.dataset import make_dataset
from resnet_edu.recipes import PAPER
from resnet_edu.speed import Speed, keep_memory
from resnet_edu.study.rungs import in_turn, times_as_fast
from resnet_edu.trace import trace
from resnet_edu.update import Update

ROUNDS, STEPS = 5, 10
KINDS = {
    "convolution": ("convolution",),
    "batch norm": ("batch_norm",),
    "ReLU": ("threshold", "clamp_min", "relu"),
    "addition": ("aten::add",),
    "crop, flip, normalise": ("gather", "aten::index", "aten::mul", "aten::sub", "randint", "pad"),
    "copies and conversions": ("copy_", "aten::to", "contiguous", "cat", "fill_", "zero_"),
    "SGD": ("sgd", "SGD"),
}


def yardsticks(dtype):
    """What this machine is best at: {its name: (a call, the multiply-adds or bytes of one)}."""
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    maps, weights = (
        torch.randn(shape).to(dtype).to(memory_format=torch.channels_last)
        for shape in ((32, 256, 32, 32), (256, 256, 3, 3))
    )
    source = torch.zeros(128 * 2**20)
    target = torch.empty_like(source)
    return {
        "matrix product": (lambda: a @ b, 2048**3),
        "convolution": (lambda: F.conv2d(maps, weights, padding=1), 32 * 9 * 256**2 * 32**2),
        "copy": (lambda: target.copy_(source), 2 * source.nbytes),
    }


class Traffic(TorchDispatchMode):
    """Counts the bytes of what operations take and give.

    Much less cannot be moved unless operations are fused or a cache holds what they hand on.
    """

    moved = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if not function.is_view:
            tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
            self.moved += sum(x.numel() * x.element_size() for x in tensors)
        return result


def update_of(name, batch, precision):
    """A step of the network of that name."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (batch, 3, 32, 32), dtype=torch.uint8, generator=generator)
    pictures = Pictures(images, torch.randint(10, (batch,), generator=generator))
    dataset = make_dataset("random", pictures, pictures, "abcdefghij", "drawn")
    network = resnet.by_name(name).to(memory_format=torch.channels_last)
    recipe = replace(PAPER, batch=batch)
    update = Update(network, pictures, dataset, recipe, generator, Speed(precision))
    chosen = torch.arange(batch)
    return lambda: update(chosen, 0.0)


def multiply_adds(name):
    """Of a training step a picture: forward, and twice as much back, but for the pictures' own."""
    table = trace(resnet.by_name(name))
    return 3 * table[""].multiply_adds - table["stem"].multiply_adds


def show_reached(precision):
    """How much of what the machine can do a step reaches, taken in turn with it."""
    measures, step = yardsticks(getattr(torch, precision)), update_of("resnet20", 128, precision)
    with Traffic() as traffic:
        step()
    calls = {name: call for name, (call, _) in measures.items()}
    taken = in_turn({**calls, "step": lambda: [step() for _ in range(STEPS)]}, ROUNDS)
    rates = {n: [amount / t for t in taken[n]] for n, (_, amount) in measures.items()}
    work = {"adds": STEPS * 128 * multiply_adds("resnet20"), "bytes": STEPS * traffic.moved}
    reached = {what: [amount / t for t in taken["step"]] for what, amount in work.items()}
    best = list(map(max, rates["matrix product"], rates["convolution"]))
    for name, values in rates.items():
        print(f"  {name}: {told(values)} G{'B' if name == 'copy' else ' multiply-adds'}/s")
    for what, unit, most in (("adds", " multiply-adds", best), ("bytes", "B", rates["copy"])):
        share = [100 * ours / theirs for ours, theirs in zip(reached[what], most, strict=True)]
        print(
            f"  the step: {told(reached[what])} G{unit}/s, "
            f"{statistics.median(share):.0f} % ({min(share):.0f} to {max(share):.0f}) of the most"
        )


def told(rates):
    """Rates in thousand millions, the middle one first."""
    low, middle, high = (f(rates) / 1e9 for f in (min, statistics.median, max))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def shares(precision):
    """The share of each kind of operation in the time of a step, in per cent."""
    step = update_of("resnet20", 128, precision)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        for _ in range(STEPS):
            step()
    spent = {kind: 0.0 for kind in KINDS} | {"the rest": 0.0}
    for event in watched.key_averages():
        kind = next((k for k, words in KINDS.items() if any(w in event.key for w in words)), None)
        spent[kind or "the rest"] += event.self_cpu_time_total
    whole = sum(spent.values())
    return {kind: 100 * time / whole for kind, time in spent.items()}


def main():
    keep_memory()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for precision in ("float32", "bfloat16"):
        print(f"{precision}, in {ROUNDS} rounds:")
        show_reached(precision)
        parts = sorted(shares(precision).items(), key=lambda part: -part[1])
        print("  " + ", ".join(f"{kind} {share:.0f} %" for kind, share in parts))
    print(f"depth at batch 128, bfloat16, in {ROUNDS} rounds:")
    names = [f"resnet{depth}" for depth in (20, 32, 44, 56, 110)]
    taken = in_turn({name: update_of(name, 128, "bfloat16") for name in names}, ROUNDS)
    for name in names:
        times, low, high = times_as_fast(taken[name], taken[names[0]])
        work = multiply_adds(name) / multiply_adds(names[0])
        print(
            f"  {name:9} {1000 * statistics.median(taken[name]):6.0f} ms, {times:.2f} times "
            f"({low:.2f} to {high:.2f}) the time, {work:.2f} times the work"
        )
    print(f"batch of ResNet-20, bfloat16, in {ROUNDS} rounds:")
    sizes = (16, 32, 64, 128, 256, 512)
    taken = in_turn({f"{n}": update_of("resnet20", n, "bfloat16") for n in sizes}, ROUNDS)
    for batch in sizes:
        rate = batch / statistics.median(taken[f"{batch}"])
        print(f"  {batch:4}: {rate:6,.0f} pictures/s")


if __name__ == "__main__":
    main()
