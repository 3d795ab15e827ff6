"""The training step of ResNet-20 at batch 128, data included, against the script that is usually
written: torchvision's transforms on PIL pictures, a DataLoader with two workers, float32, NCHW.

    python benchmarks/training_step.py

Wanted: 1.4 times the pictures per second in float32; 3 times in the fastest way on two cores with
AMX; a process under 2.5 GB. Same network, same batches of 45,000 pictures (random ones: the
speed does not depend on what they show), same SGD.
"""

import resource
import statistics
import subprocess
import sys
import time
from contextlib import suppress

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resnet_edu import resnet20
from resnet_edu.data import Pictures
from resnet_edu.data.dataset import make_dataset
from resnet_edu.recipes import PAPER
from resnet_edu.speed import Speed, keep_memory
from resnet_edu.train import Batches
from resnet_edu.update import Update

PAIRS, STEPS, WARM_UP = 5, 30, 5
WANTED = {Speed("float32"): 1.4, Speed("bfloat16"): 3.0, Speed("bfloat16", compiled=True): 3.0}
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def rate(step):
    """Pictures a second of so many steps, after some that use up what was prepared beforehand."""
    for _ in range(WARM_UP):
        step()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS * PAPER.batch / (time.perf_counter() - started)


def ours(pictures, dataset, speed):
    """The library's step, as `python -m resnet_edu train` makes it at that speed."""
    keep_memory()
    network = resnet20().to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    update = Update(network, pictures, dataset, PAPER, generator, speed)
    batches = Batches(len(pictures), PAPER.batch, generator)
    return lambda: update(batches.next(), PAPER.lr)


class PilPictures(Dataset):
    """What torchvision gives: one picture at a time, from an array, through its transforms."""

    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )

    def __init__(self, pictures):
        self.images = pictures.images.permute(0, 2, 3, 1).numpy()
        self.labels = pictures.labels.tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.images[i])), self.labels[i]


def usual(pictures):
    """The usual script's step."""
    network = resnet20().train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    loader = DataLoader(PilPictures(pictures), PAPER.batch, shuffle=True, num_workers=2)
    batches = iter(loader)  # 351 batches an epoch: enough for all pairs

    def step():
        x, labels = next(batches)
        loss = F.cross_entropy(network(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def work(side):
    """What a process of its own does: measures when it is told to, a line each time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (45_000, 3, 32, 32), dtype=torch.uint8, generator=generator)
    pictures = Pictures(images, torch.randint(10, (45_000,), generator=generator))
    dataset = make_dataset("random", pictures[:500], pictures[:500], "abcdefghij", "drawn")
    speeds = {str(speed): speed for speed in WANTED}
    step = usual(pictures) if side == "usual" else ours(pictures, dataset, speeds[side])
    unit = 1e9 if sys.platform == "darwin" else 1e6  # bytes there, kilobytes on Linux
    for _ in sys.stdin:
        measured = rate(step)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        print(measured, peak, flush=True)


def main():
    sides = ("usual", *map(str, WANTED))
    processes = {
        side: subprocess.Popen(
            [sys.executable, __file__, side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for side in sides
    }
    rates, peaks = {side: [] for side in sides}, {}
    for _ in range(1 + PAIRS):  # the first round is not counted
        for side, process in list(processes.items()):
            line = ""
            with suppress(BrokenPipeError):  # it has ended
                process.stdin.write("measure\n")
                process.stdin.flush()
                line = process.stdout.readline()
            if not line:  # nothing compiles here, perhaps
                print(f"{side} does not run here and is left out")
                del processes[side]
                continue
            measured, peaks[side] = map(float, line.split())
            rates[side].append(measured)
    for process in processes.values():
        process.communicate()
    for speed, wanted in WANTED.items():
        if str(speed) not in processes:
            continue
        pairs = list(zip(rates[str(speed)], rates["usual"], strict=True))[1:]
        ratios = sorted(fast / slow for fast, slow in pairs)
        fast, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"training step in {speed}: {statistics.median(ratios):.2f} times the usual script "
            f"(wanted {wanted}; {ratios[0]:.2f} to {ratios[-1]:.2f} in {PAIRS} pairs): {fast:,.0f} "
            f"against {slow:,.0f} pictures/s; {peaks[str(speed)]:.2f} GB of memory at most; "
            f"torch {torch.__version__}, {torch.get_num_threads()} threads"
        )


if __name__ == "__main__":
    work(sys.argv[1]) if len(sys.argv) > 1 else main()
