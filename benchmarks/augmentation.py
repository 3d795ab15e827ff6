"""Crop, flip and normalise a batch of 128: ours, on the whole batch of bytes, against torchvision's
usual pipeline, a PIL picture at a time.

    python benchmarks/augmentation.py

Wanted: at least 20 times as many pictures per second. One thread each, as torchvision's pipeline
has in a worker of a data loader.
"""

import statistics
import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from resnet_edu.data import augment, normalise

BATCH, PAIRS, WANTED = 128, 5, 20
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def seconds(function, at_least=1.0):
    """Mean seconds of one call, over as many calls as fill `at_least` seconds."""
    calls, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < at_least:
        function()
        calls += 1
    return passed / calls


def main():
    torch.set_num_threads(1)
    pixels = np.random.RandomState(0).randint(0, 256, (BATCH, 32, 32, 3), dtype=np.uint8)
    pictures = [Image.fromarray(picture) for picture in pixels]
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    generator = torch.Generator().manual_seed(0)
    one = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )

    def ours():
        return normalise(augment(batch, generator), MEAN, STD)

    def theirs():
        return torch.stack([one(picture) for picture in pictures])

    assert ours().shape == theirs().shape and ours().dtype == theirs().dtype
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(PAIRS)]
    ratios = sorted(slow / fast for fast, slow in pairs)
    mine, other = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    print(
        f"augmentation of {BATCH}: {statistics.median(ratios):.1f} times torchvision's pipeline "
        f"(wanted {WANTED}; {ratios[0]:.1f} to {ratios[-1]:.1f} in {PAIRS} pairs): "
        f"{mine:.2f} ms against {other:.2f} ms; "
        f"torch {torch.__version__}, {torch.get_num_threads()} thread"
    )


if __name__ == "__main__":
    main()
