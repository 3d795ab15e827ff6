"""What a training step of ResNet-20 reaches of what this machine can do, and where the rest goes.

    python benchmarks/where_time_goes.py

Measured in the same run: the rate of a large matrix multiplication and the bandwidth of a large
copy, and how much of either the step reaches, in float32 and bfloat16; then the step, operation by
operation; then how the time of a step grows with depth and with batch.
"""

import statistics
import time
from dataclasses import replace

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_edu import resnet
from resnet_edu.data import Pictures
from resnet_edu.data.dataset import make_dataset
from resnet_edu.recipes import PAPER
from resnet_edu.speed import Speed, keep_memory
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


def seconds(function):
    """The median of some rounds, after one that is not counted."""
    function()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def matrix_rate(dtype):
    """Multiply-adds a second of a 2,048 × 2,048 matrix product."""
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    return 2048**3 / seconds(lambda: a @ b)


def copy_bandwidth():
    """Bytes read and written a second by a copy of 512 MB."""
    source = torch.zeros(128 * 2**20)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source))


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


def step_seconds(name, batch, precision):
    step = update_of(name, batch, precision)
    return seconds(lambda: [step() for _ in range(STEPS)]) / STEPS


def multiply_adds(name):
    """Of a training step a picture: forward, and twice as much back."""
    return 3 * trace(resnet.by_name(name))[""].multiply_adds


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
    bandwidth = copy_bandwidth()
    print(f"copying: {bandwidth / 1e9:.1f} GB/s read and written")
    for precision in ("float32", "bfloat16"):
        peak = matrix_rate(getattr(torch, precision))
        took = step_seconds("resnet20", 128, precision)
        reached = 128 * multiply_adds("resnet20") / took
        with Traffic() as traffic:
            update_of("resnet20", 128, precision)()
        print(
            f"{precision}: matrices {peak / 1e9:.0f} G multiply-adds/s; "
            f"the step {reached / 1e9:.0f} G, {100 * reached / peak:.0f} % of it"
        )
        rate = traffic.moved / took
        print(
            f"  operations read and write {traffic.moved / 1e9:.2f} GB a step, "
            f"{rate / 1e9:.1f} GB/s: {100 * rate / bandwidth:.0f} % of what a copy moves"
        )
        parts = sorted(shares(precision).items(), key=lambda part: -part[1])
        print("  " + ", ".join(f"{kind} {share:.0f} %" for kind, share in parts))
    print("depth at batch 128, bfloat16:")
    base = step_seconds("resnet20", 128, "bfloat16")
    for depth in (20, 32, 44, 56, 110):
        name = f"resnet{depth}"
        took = step_seconds(name, 128, "bfloat16")
        work = multiply_adds(name) / multiply_adds("resnet20")
        print(f"  {depth:4}: {1000 * took:6.0f} ms, {took / base:.2f} times, work {work:.2f} times")
    print("batch of ResNet-20, bfloat16:")
    for batch in (16, 32, 64, 128, 256, 512):
        took = step_seconds("resnet20", batch, "bfloat16")
        print(f"  {batch:4}: {1000 * took:6.0f} ms, {batch / took:6,.0f} pictures/s")


if __name__ == "__main__":
    main()
