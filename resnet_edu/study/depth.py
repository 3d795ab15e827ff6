"""Can a plain network not be deep, or does training not get there?

    python -m resnet_edu.study.depth

leaves `records/measurements/depth.json`, for *The puzzle of depth*: thin networks of several
depths on `shapes`, begun in several ways. A quarter of an hour on two cores.
That a deeper network can copy a shallower one is from He et al. (2015), section 1; to put copying
layers into a trained network and to train on is from Chen, Goodfellow, Shlens: Net2Net (2016).
"""

import copy
import multiprocessing
from dataclasses import replace
from statistics import mean

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import data
from ..blocks import BasicBlock
from ..data import Dataset, Pictures, normalise
from ..evaluate import evaluate
from ..recipes import Recipe
from ..records import write_measurement
from ..resnet import ResNet
from .receptive import settle
from .recipe import Run

COMMAND = "python -m resnet_edu.study.depth"
SEEDS = range(3)
# How a network begins.
FRESH, RESIDUAL, SILENT = "fresh", "residual", "silent"
COPIES, FROZEN, TRAINED = "copies", "frozen", "trained"
SHALLOW = 8
DEPTHS = (SHALLOW, 20, 32)
RATES = (0.01, 0.03, 0.1)
# 9,600 pictures seen.
CLIMB = Recipe("climb", 300, 0.03, "one-cycle", (60,), batch=32, augment=False, evaluate_every=300)
LAST = 50  # iterations, over which a loss is averaged
VIEWS = 512  # training pictures that batch norms are settled on


def halved(dataset: Dataset) -> Dataset:
    """The dataset with every 2 × 2 pixels averaged: pictures of (3, 16, 16), a quarter the work."""

    def smaller(pictures: Pictures) -> Pictures:
        images = F.avg_pool2d(pictures.images.float(), 2).round().to(torch.uint8)
        return replace(pictures, images=images)

    return replace(dataset, train=smaller(dataset.train), test=smaller(dataset.test))


def thin(depth: int, shortcut: str = "none", seed: int = 0) -> ResNet:
    """The paper's network of `depth` layers, 6n + 2, at half its width: 8, 16, 32 channels."""
    torch.manual_seed(seed)
    n = (depth - 2) // 6
    return ResNet(BasicBlock, (n, n, n), (8, 16, 32), shortcut)


@torch.no_grad()
def copying_block(x: Tensor) -> BasicBlock:
    """A plain block, in evaluation mode, that hands x on: kernels of one 1, norms that undo theirs.

    It copies maps (N, channels, H, W) of which nothing is negative: its ReLUs cut off what is. `x`
    is what it will meet. In evaluation mode that would not matter; in training mode the block
    copies a batch as well as the batch's means and spreads are those of x.
    """
    channels = x.shape[1]
    block = BasicBlock(channels, channels, shortcut="none").to(x.dtype).eval()
    for convolution, norm in (block.residual[:2], block.residual[3:]):
        nn.init.dirac_(convolution.weight)  # 1 in the middle of its own channel, 0 elsewhere
        norm.running_mean.copy_(x.mean((0, 2, 3)))
        norm.running_var.copy_(x.var((0, 2, 3), correction=0))
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(norm.running_mean)
    return block


@torch.no_grad()
def deepened(network: ResNet, depth: int, views: Tensor) -> ResNet:
    """A plain network of `depth` layers, in evaluation mode, with this shallower one's answers.

    Copying blocks stand at the end of each stage, made for what they meet on `views`, normalised
    pictures (N, 3, H, W). `network` itself is left as it is.
    """
    deep = copy.deepcopy(network).eval()
    x = deep.stem(views)
    for stage in deep.stages:
        x = stage(x)
        while len(stage) < (depth - 2) // 6:
            stage.append(copying_block(x))
    return deep


def some(dataset: Dataset, pictures: int = VIEWS) -> Tensor:
    """So many training pictures of all classes, normalised: the same ones at every call."""
    chosen = dataset.split()[0][:pictures]
    return normalise(chosen.images, dataset.mean, dataset.std)


def begun(start: str, depth: int, dataset: Dataset, seed: int = 0) -> ResNet:
    """A network of `depth` layers from which training is to set out.

    "fresh": plain, as He et al. draw it; "residual": the same with shortcuts. "copies": plain,
    eight fresh layers, and all others copy; "frozen": the copying ones never learn; "trained": the
    eight have been trained before. "silent": with shortcuts, and 0 for the last γ of every block
    that would copy in "copies": all but the first of a stage. (To that one, option A brings
    channels that are 0; with γ = 0 as well they would stay so, as a ReLU's gradient at 0 is 0.)
    """
    if start in (COPIES, FROZEN, TRAINED):
        shallow = thin(SHALLOW, seed=seed)
        if start == TRAINED:
            learn(shallow, dataset, CLIMB, seed)
        views = some(dataset)
        network = deepened(settle(shallow, views), depth, views)
        if start == FROZEN:
            for stage in network.stages:
                stage[1:].requires_grad_(False)
        return network
    network = thin(depth, "none" if start == FRESH else "A", seed)
    if start == SILENT:
        for stage in network.stages:
            for block in stage[1:]:
                nn.init.zeros_(block.residual[4].weight)
    return network


def learn(network: ResNet, dataset: Dataset, recipe: Recipe = CLIMB, seed: int = 0) -> list[float]:
    """Trains the network; the loss at each iteration, in nats."""
    run = Run(network, dataset.train, dataset.mean, dataset.std, recipe, seed)
    return [run.step() for _ in range(recipe.iterations)]


def errors(network: ResNet, dataset: Dataset) -> dict[str, float]:
    """Per cent wrong: `learned` of 2,000 training pictures, `error` of the test pictures.

    By a copy whose batch norms are settled: at depth what they remember lags far behind.
    """
    settled = settle(copy.deepcopy(network), some(dataset))
    parts = {"learned": dataset.split()[0][:2000], "error": dataset.test}
    scores = {k: evaluate(settled, p, dataset.mean, dataset.std) for k, p in parts.items()}
    return {name: round(score.error, 2) for name, score in scores.items()}


def cut(network: ResNet) -> ResNet:
    """The network with the first block of each stage alone: what `deepened` began with."""
    shallow = copy.deepcopy(network)
    for stage in shallow.stages:
        del stage[1:]
    return shallow


def race(start: str, depth: int, lr: float, iterations: int, seed: int) -> dict:
    """A row: how a network was begun and trained, its loss at the end, its errors.

    Of networks begun as copies `cut` is the error on training pictures that is left when the
    blocks which copied at first are taken out again, with the batch norms settled anew.
    """
    dataset = _pictures()
    network = begun(start, depth, dataset, seed)
    scale = iterations // CLIMB.iterations
    recipe = replace(CLIMB, lr=lr, iterations=iterations, milestones=(CLIMB.milestones[0] * scale,))
    losses = learn(network, dataset, recipe, seed)
    row = {"start": start, "depth": depth, "lr": lr, "iterations": iterations, "seed": seed}
    row |= {"loss": round(mean(losses[-LAST:]), 4), **errors(network, dataset)}
    if start == COPIES:
        row["cut"] = errors(cut(network), dataset)["learned"]
    print(row, flush=True)
    return row


def _pictures() -> Dataset:
    """`shapes`, halved; on one thread, as another process has the other core."""
    torch.set_num_threads(1)
    return halved(data.load("shapes"))


def settings() -> list[tuple]:
    """What `race` is asked: three rates; the middle one for three times as long; and once more."""
    kinds = [(start, depth) for start in (FRESH, RESIDUAL) for depth in DEPTHS]
    kinds += [(start, depth) for start in (SILENT, COPIES) for depth in DEPTHS[1:]]
    kinds += [(FROZEN, DEPTHS[-1])]
    times = [(lr, CLIMB.iterations) for lr in RATES] + [(CLIMB.lr, 3 * CLIMB.iterations)]
    races = [(*kind, *time, seed) for time in times for kind in kinds for seed in SEEDS]
    again = [(TRAINED, depth) for depth in (SHALLOW, DEPTHS[-1])]
    return races + [(*kind, CLIMB.lr, CLIMB.iterations, seed) for kind in again for seed in SEEDS]


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        write_measurement("depth", COMMAND, pool.starmap(race, settings(), chunksize=1))
