"""Plain 56 with longer layers: is it the first update that holds it back?

    python -m resnet_edu.study.lengthened

leaves `records/measurements/lengthened.json`. It needs CIFAR-10 at hand.

Behind a batch norm the length of a layer's weights changes no answer, only how far a step turns
them. So the network of a finished run is drawn again, and layers whose gradient is huge beside
their weights get longer ones: all of them, or only those that the first update overwrites, or only
the others. Each is the same function. Then the same recipe, the same pictures in the same order,
the same crops.
"""

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .. import data
from ..data import Dataset
from ..evaluate import evaluate
from ..ledger import precision_of, recipe_of
from ..records import ROOT, Run, read_run, write_measurement
from ..speed import Speed
from ..train import Training
from .flow import PICTURES, observe, turned
from .specimens import drawn, few, rounded

COMMAND = "python -m resnet_edu.study.lengthened"
RUN = "plain56-cifar10-short-s0"
TARGET = 0.1  # gradient over weights that a layer may have, about what residual 56 begins with
# Between which bounds the gradient over weights lies in the layers that are lengthened. At the
# rate of 0.1 the first update of a layer above 10 is longer than its weights.
GROUPS = {"all": (TARGET, math.inf), "overwritten": (10, math.inf), "others": (TARGET, 10)}
LOOKS = (1, 5, 20, 250, 500, 750, 1000)  # iterations; the last four are looks of the run as well


@torch.no_grad()
def lengthen(
    network: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    target: float = TARGET,
    above: float = TARGET,
    below: float = math.inf,
) -> int:
    """Lengthens convolutions' weights until their gradient is `target` times as long; how many.

    Those in which it is between `above` and `below` times as long now. In place. A factor k divides
    the gradient by k, and so what it is beside the weights by k²; but for ε of the batch norm that
    follows, the network answers as before. Takes normalised pictures (N, 3, H, W) and labels (N,),
    on which the gradient is measured in training mode.
    """
    count = 0
    for reading in observe(network, pictures, labels):
        if reading.kind == "Conv2d" and above < reading.relative <= below:
            network.get_submodule(reading.name).weight *= (reading.relative / target) ** 0.5
            count += 1
    return count


def learn(run: Run, dataset: Dataset, group: str) -> Iterator[dict]:
    """A row a look at the lengthened network: errors in per cent, and how far its layers turned.

    `lengthened` is the group of layers, `layers` how many they are; `error` that of the training
    batches since the run's own look before (None in between), `validation` that on the validation
    pictures; `turned` the cosine between each layer's weights and those it began with.
    """
    network = drawn(run)
    above, below = GROUPS[group]
    layers = lengthen(network, *few(dataset, PICTURES), above=above, below=below)
    begun = copy.deepcopy(network)
    seed, speed = run.record["seed"], Speed(precision_of(run))
    training = Training(network, dataset, recipe_of(run), seed, speed=speed)
    looks, wrong_before, since = {row.iteration for row in run.metrics}, 0.0, 0
    while training.iteration < LOOKS[-1]:
        training.step()
        if training.iteration not in LOOKS:
            continue
        error = None
        if training.iteration in looks:
            _, wrong = training.check()
            shown = (training.iteration - since) * training.recipe.batch
            (error,) = rounded([100 * (wrong - wrong_before) / shown])
            wrong_before, since = wrong, training.iteration
        score = evaluate(training.network, training.validation, dataset.mean, dataset.std)
        row = {"lengthened": group, "layers": layers, "iteration": training.iteration}
        row |= {"error": error, "validation": score.error}
        print(row, flush=True)
        yield row | {"turned": turned(training.network, begun)}


if __name__ == "__main__":
    it, cifar = read_run(ROOT / "runs" / RUN), data.load("cifar10")
    rows = [row for group in GROUPS for row in learn(it, cifar, group)]
    write_measurement("lengthened", COMMAND, rows)
