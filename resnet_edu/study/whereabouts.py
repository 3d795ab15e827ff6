"""Whether the means before the last layer still know where in its picture a shape stood.

    python -m resnet_edu.study.whereabouts

leaves `records/measurements/whereabouts.json`, for *Stage three and the head*: networks fresh and
trained, with four kinds of padding, on pictures as they are and with their paper continued. It
needs CIFAR-10 at hand, for how often an answer changes when the picture is moved.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import BasicBlock
from ..checkpoint import About, load_checkpoint
from ..data import Dataset, Pictures, load, normalise
from ..data.shapes import FINE, SIDE, Dice
from ..evaluate import evaluating, logits
from ..recipes import SPRINT
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet, resnet20
from ..train import Training
from .receptive import settle

COMMAND = "python -m resnet_edu.study.whereabouts"
RUNS = ("resnet20-shapes-sprint-s0", "plain20-shapes-sprint-s0")
MOVED = "resnet20-cifar10-brief-s0"  # whose answers are asked for again, of moved pictures
PADDINGS = ("zeros", "reflect", "replicate", "circular")
SEEDS = range(3)
PAPER = 16  # pixels by which a picture's paper is continued on every side
AVERAGES = ("as it is", "continued, middle", "continued, all")


def whereabouts(count: int, seed: int = 0, part: int = 0) -> tuple[Tensor, Tensor]:
    """Where the shapes of `draw_pictures(count, seed, part)` stand, and how large they are.

    float64 (N, 2): how many pixels a shape's middle lies below and to the right of its picture's;
    and (N,): its radius in pixels, farther than which it reaches in no direction of the grid.
    """
    dice = Dice(seed, part, count)  # which is how `draw_pictures` begins
    radius = dice.roll(6 * FINE, 12 * FINE)
    reach = SIDE * FINE // 2 - radius
    down, across = (torch.from_numpy(dice.roll(-1024, 1025) * reach // 1024) for _ in range(2))
    place = torch.cat([down, across], dim=1).double() / FINE
    return place, torch.from_numpy(radius[:, 0]).double() / FINE


def continued(images: Tensor, seed: int = 0, part: int = 0) -> Tensor:
    """The first pictures of `draw_pictures(…, seed, part)` with `PAPER` more pixels all round.

    uint8 (N, 3, 64, 64): the paper and its slope of light go on, with new grain; the middle is the
    picture itself.
    """
    dice = Dice(seed, part, len(images))
    dice.turn = 3  # radius and place were rolled before
    shift = dice.roll(36, 104, each=3) * (2 * dice.roll(0, 2, each=3) - 1)
    paper = torch.from_numpy(dice.roll(64, 192, each=3) + -shift // 2)[:, :, None, None]
    slope = torch.from_numpy(dice.roll(-2, 3, each=2))
    side = SIDE + 2 * PAPER
    place = torch.arange(side) - side // 2
    light = slope[:, 0, None, None] * place[:, None] + slope[:, 1, None, None] * place
    grain = torch.from_numpy(Dice(seed + 1, part, len(images)).roll(-32, 33, each=side * side))
    whole = (paper + (light + grain.view_as(light))[:, None]).clamp(0, 255).byte()
    whole[:, :, PAPER:-PAPER, PAPER:-PAPER] = images
    return whole


@torch.no_grad()
def means(
    network: ResNet, images: Tensor, about: About | Dataset, window: slice = slice(None)
) -> Tensor:
    """What the head's average leaves of uint8 pictures: float64 (N, channels).

    `about` knows the mean and the deviation to normalise them by. Only the rows and columns of the
    last map that lie in `window` are averaged.
    """
    kind, found = next(network.parameters()).dtype, []
    with evaluating(network):
        for some in images.split(250):
            x = network.stem(normalise(some, about.mean, about.std).to(kind))
            for stage in network.stages:
                x = stage(x)
            found.append(x[:, :, window, window].mean((2, 3)))
    return torch.cat(found).double()


def guess(known: Tensor, places: Tensor, asked: Tensor) -> Tensor:
    """The places of `asked` means, by the line that fits `known` means best (least squares).

    (N, channels), (N, 2) and (M, channels) → (M, 2).
    """
    known, asked = (F.pad(of, (0, 1), value=1.0) for of in (known, asked))
    return asked @ torch.linalg.lstsq(known, places).solution


def guess_by_class(known: Tensor, places: Tensor, asked: Tensor) -> Tensor:
    """`guess` with a line of its own for each of the ten classes, which stand in turn."""
    guessed = asked.new_empty(len(asked), 2)
    for label in range(10):
        mine = slice(label, None, 10)
        guessed[mine] = guess(known[mine], places[mine], asked[mine])
    return guessed


def quality(known: Tensor, asked: Tensor) -> dict[str, float]:
    """How well `guess_by_class` does on test pictures, having known the training pictures.

    `down` and `across`: the share of the places' variance that is explained, 1 at best and 0 for
    always guessing the middle. `pixels`: the root of the mean squared error in a direction.
    """
    places, truth = (whereabouts(len(of), part=i)[0] for i, of in enumerate((known, asked)))
    squares = (guess_by_class(known, places, asked) - truth).square().mean(0)
    down, across = (1 - squares / truth.var(0, correction=0)).tolist()
    pixels = squares.mean().sqrt().item()
    return dict(down=round(down, 3), across=round(across, 3), pixels=round(pixels, 2))


def look(network: ResNet, dataset: Dataset) -> dict[str, float]:
    """The `quality` of guesses from the means of `shapes`, all 12,000 pictures."""
    known, asked = (means(network, p.images, dataset) for p in (dataset.train, dataset.test))
    return quality(known, asked)


def padded(network: nn.Module, padding: str) -> nn.Module:
    """`network`, changed in place: each 3×3 convolution pads with "zeros", "circular", …"""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.padding != (0, 0):
            module.padding_mode = padding
    return network


def trained_and_fresh(dataset: Dataset, run: str) -> list[dict]:
    """A row for the run's network, and where it is residual one for each fresh one beside it."""
    rows, about = [], dict(network=run.split("-")[0], padding="zeros")
    network, _ = load_checkpoint(read_run(ROOT / "runs" / run).checkpoint)
    rows.append(about | dict(state="trained", seed=0) | look(network, dataset))
    if about["network"] == "resnet20":
        for seed in SEEDS:
            torch.manual_seed(seed)
            network = settle(resnet20(), first(dataset))
            rows.append(about | dict(state="fresh", seed=seed) | look(network, dataset))
    return rows


def small(dataset: Dataset, padding: str, seed: int) -> list[dict]:
    """Two rows for a ResNet-8 of half the width: fresh, and trained with that padding."""
    about = dict(network="resnet8", padding=padding, seed=seed)
    torch.manual_seed(seed)
    network = padded(ResNet(BasicBlock, (1, 1, 1), (8, 16, 32)), padding)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    rows = [about | dict(state="fresh") | look(settle(network, first(dataset)), dataset)]
    network = padded(ResNet(BasicBlock, (1, 1, 1), (8, 16, 32)), padding)
    network.load_state_dict(weights)
    recipe = replace(SPRINT, evaluate_every=SPRINT.iterations)
    error = Training(network, dataset, recipe, seed).run(lambda row: None)[-1].test_error
    return [*rows, about | dict(state="trained", error=error) | look(network, dataset)]


def first(dataset: Dataset) -> Tensor:
    """250 training pictures, for a fresh network's batch norms to take their statistics from."""
    return normalise(dataset.train.images[:250], dataset.mean, dataset.std).float()


def paper(dataset: Dataset, average: str, counts: tuple[int, int] = (4000, 1000)) -> dict:
    """A row for the first run on pictures as they are, or continued, and what is averaged there."""
    network, _ = load_checkpoint(read_run(ROOT / "runs" / RUNS[0]).checkpoint)
    middle = slice(PAPER // 4, -PAPER // 4) if average.endswith("middle") else slice(None)
    found = []
    for part, (pictures, count) in enumerate(
        zip((dataset.train, dataset.test), counts, strict=True)
    ):
        images = pictures.images[:count]
        if average != AVERAGES[0]:
            images = continued(images, part=part)
        found.append(means(network, images, dataset, middle))
    return dict(average=average) | quality(*found)


def move(images: Tensor, right: int) -> Tensor:
    """The pictures moved to the right, black where nothing was: as augmentation moves them."""
    return F.pad(images, (right, 0))[..., : images.shape[-1]]


def moved(test: Pictures, rights: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8)) -> list[dict]:
    """A row a distance: how many answers are wrong then, and how many are other than at 0."""
    network, about = load_checkpoint(read_run(ROOT / "runs" / MOVED).checkpoint)
    rows, still = [], None
    for right in rights:
        answers = logits(network, move(test.images, right), about.mean, about.std).argmax(1)
        still = answers if still is None else still
        wrong, changed = ((answers != of).sum().item() for of in (test.labels, still))
        rows.append(dict(run=MOVED, right=right, wrong=wrong, changed=changed, of=len(answers)))
    return rows


def measure() -> list[dict]:
    """All rows; `what` is "place", "average" or "moved"."""
    dataset, rows = load("shapes"), []
    for run in RUNS:
        rows += [dict(what="place") | row for row in trained_and_fresh(dataset, run)]
    for padding in PADDINGS:
        for seed in SEEDS:
            rows += [dict(what="place") | row for row in small(dataset, padding, seed)]
    rows += [dict(what="average") | paper(dataset, average) for average in AVERAGES]
    return rows + [dict(what="moved") | row for row in moved(load("cifar10").test)]


if __name__ == "__main__":
    write_measurement("whereabouts", COMMAND, measure())
