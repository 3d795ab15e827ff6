"""Faults of the studies of gradients."""

from checks import flow

from . import Fault

COPY = "network = copy.deepcopy(network).requires_grad_()\n"
SUM = 'module.relu.register_forward_pre_hook(lambda _, x, name=name: note(name, "sum", x[0]))'
AFTER = 'module.relu.register_forward_hook(lambda _, x, y, name=name: note(name, "sum", y))'


def observing(name, old, new, check=flow.check_readings_are_autograds):
    return Fault(name, "study.flow", old, new, check)


def of_pixels(name, old, new, check=flow.check_cosines):
    return Fault(name, "study.shattering", old, new, check)


def of_paths(name, old, new, check=flow.check_paths_by_length):
    return Fault(name, "study.paths", old, new, check)


def of_specimens(name, old, new, check=flow.check_the_few_pictures):
    return Fault(name, "study.specimens", old, new, check)


NO_TRACE = flow.check_looking_leaves_no_trace

OBSERVING = [
    observing("the network itself is looked at", COPY, "network.requires_grad_()\n", NO_TRACE),
    observing(
        "frozen weights are thawed",
        COPY,
        "network.requires_grad_()\n    network = copy.deepcopy(network)\n",
        NO_TRACE,
    ),
    observing(
        "training goes on with other statistics",
        COPY,
        "network = network.requires_grad_()\n",
        flow.check_training_is_the_same_with_and_without_looks,
    ),
    observing(
        "observed in evaluation mode",
        COPY,
        COPY.replace("\n", ".eval()\n"),
        flow.check_what_is_observed_is_what_flows,
    ),
    observing("the gradient of a mean loss", "norm(g) * len(g) ** 0.5", "norm(g)"),
    observing("the gradient of all pictures", "len(g) ** 0.5", "len(g)"),
    observing("a spread of n - 1", "std(correction=0)", "std(correction=1)"),
    observing("a spread for a mean", "values.mean().item()", "values.std().item()"),
    observing("the sum is read behind its ReLU", SUM, AFTER),
    observing("the weights for their gradient", "norm(weight.grad)", "norm(weight)"),
    observing("values of the whole batch", "values[0].numel()", "values.numel()"),
    observing("a gradient a value, unrooted", "self.values**0.5", "self.values"),
    observing(
        "every layer bears the last one's name",
        "lambda module, _, y, name=name:",
        "lambda module, _, y:",
        flow.check_every_place_is_read,
    ),
    observing(
        "bottlenecks have no sum",
        "(BasicBlock, Bottleneck)",
        "BasicBlock",
        flow.check_every_place_is_read,
    ),
    observing("no head", "(nn.Conv2d, nn.Linear)", "nn.Conv2d", flow.check_every_place_is_read),
]

TRAINING = [
    observing(
        "turned against itself",
        "drawn = copy.deepcopy(run.network)",
        "drawn = run.network",
        flow.check_training_rows,
    ),
    observing(
        "the loss since the start",
        "looked, summed = iteration, total",
        "looked = iteration",
        flow.check_training_rows,
    ),
    observing(
        "the end is not looked at", " or iteration == iterations", "", flow.check_training_rows
    ),
    observing(
        "weights of no seed",
        "    torch.manual_seed(seed)\n    run",
        "    run",
        flow.check_training_rows,
    ),
]

PIXELS = [
    of_pixels(
        "the logits together",
        "answers.gather(1, labels[:, None]).sum()",
        "answers.sum()",
        flow.check_gradients_of_pixels,
    ),
    of_pixels("towards the picture before", "roll(-1, dims=0)", "roll(1, dims=0)"),
    of_pixels("the other way", "pictures + t * ways", "pictures - t * ways"),
    of_pixels(
        "from the other picture",
        "pictures.roll(-1, dims=0) - pictures",
        "pictures.roll(-1, dims=0)",
    ),
    of_pixels("statistics move", "copy.deepcopy(network)(pictures)", "network(pictures)", NO_TRACE),
    of_pixels(
        "the pictures given want gradients",
        "pictures.detach().clone().requires_grad_()",
        "pictures.requires_grad_()",
        NO_TRACE,
    ),
    of_pixels(
        "the step beyond the half", "10.0 ** (back - place)", "10.0 ** -place", flow.check_reach
    ),
]

PATHS = [
    of_paths("the ReLU after the sum is forgotten", "g * (y > 0)", "g"),
    of_paths(
        "shortcuts count as branches",
        "round_it + none, none + through",
        "through + none, none + round_it",
    ),
    of_paths("the gradient of a mean loss", 'reduction="sum"', 'reduction="mean"'),
    of_paths("statistics move", "network = copy.deepcopy(network)", "network = network", NO_TRACE),
    of_paths(
        "the branch gets what the ReLU cut off",
        "[back(branch, x, g) for g in passed]",
        "[back(branch, x, g) for g in parts]",
    ),
    of_paths(
        "shares of the length",
        "flat @ whole / whole.square().sum()",
        "flat @ whole / whole.norm()",
        flow.check_shares,
    ),
]

SPECIMENS = [
    of_specimens(
        "batch norm is taken from the network itself",
        "bare = copy.deepcopy(network)",
        "bare = network",
        flow.check_without_batch_norm,
    ),
    of_specimens(
        "only outer batch norms go",
        "list(bare.modules())",
        "list(bare.children())",
        flow.check_without_batch_norm,
    ),
    of_specimens(
        "the first in the source's order",
        "training, _ = dataset.split()",
        "training = dataset.train",
    ),
    of_specimens(
        "validation pictures", "training, _ = dataset.split()", "_, training = dataset.split()"
    ),
]

FAULTS = [*OBSERVING, *TRAINING, *PIXELS, *PATHS, *SPECIMENS]
