"""Faults planted in copies of the library, each of which a check of the other tests must find."""

import importlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
import torch
from checks import networks, pictures, training
from checks import tracing as traces
from conftest import ROOT

numbers = count()


@dataclass(frozen=True)
class Fault:
    """`old` becomes `new` in `module`; `check` must then fail."""

    name: str
    module: str
    old: str
    new: str
    check: Callable

    def __str__(self):
        return f"{self.name} → {self.check.__name__.removeprefix('check_')}"


FORWARD = "        return self.relu(self.residual(x) + self.shortcut(x))\n"
OF_BASIC, OF_BOTTLENECK = "\n\nclass Bottleneck", "\n\ndef initialise"
TWO_CONVOLUTIONS = """\
            conv3x3(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )
        self.shortcut"""
SUBSAMPLED = "x[:, :, :: self.stride, :: self.stride]"
STEM = "conv3x3(3, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU()"
HEAD = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear"


def forward(name, new, check=networks.check_plans_agree_with_the_paper, of=OF_BASIC):
    return Fault(name, "blocks", FORWARD + of, f"        return {new}\n" + of, check)


def convolutions(name, old, new, check=networks.check_plans_agree_with_the_paper):
    assert TWO_CONVOLUTIONS.count(old) == 1
    changed = TWO_CONVOLUTIONS.replace(old, new)
    return Fault(name, "blocks", TWO_CONVOLUTIONS, changed, check)


BLOCKS = [
    forward("ReLU before the addition", "self.relu(self.residual(x)) + self.shortcut(x)"),
    forward("no ReLU after the addition", "self.residual(x) + self.shortcut(x)"),
    forward(
        "no ReLU after a bottleneck's addition",
        "self.residual(x) + self.shortcut(x)",
        networks.check_relu_follows_the_addition,
        OF_BOTTLENECK,
    ),
    forward("the shortcut is subtracted", "self.relu(self.residual(x) - self.shortcut(x))"),
    forward("the shortcut is halved", "self.relu(self.residual(x) + 0.5 * self.shortcut(x))"),
    forward(
        "a residual of zero is not the identity",
        "self.relu(self.residual(x) + self.shortcut(x) * 1.0001)",
        networks.check_zero_weights_give_the_identity,
    ),
    forward(
        "a shortcut that detaches",
        "self.relu(self.residual(x) + self.shortcut(x.detach()))",
        networks.check_gradients,
    ),
    forward(
        "a residual that detaches",
        "self.relu(self.residual(x.detach()) + self.shortcut(x))",
        networks.check_gradients,
        OF_BOTTLENECK,
    ),
    forward(
        "a ReLU that no hook sees",
        "F.relu(self.residual(x) + self.shortcut(x))",
        networks.check_every_module_is_called_once,
    ),
    forward(
        "an addition in place",
        "self.relu(self.residual(x).add_(self.shortcut(x)))",
        networks.check_hooks_see_what_flows,
    ),
    convolutions(
        "a ReLU in place",
        "nn.ReLU(),\n",
        "nn.ReLU(inplace=True),\n",
        networks.check_hooks_see_what_flows,
    ),
    convolutions("no ReLU between the convolutions", "nn.ReLU(),\n", "nn.Identity(),\n"),
    convolutions(
        "the stride on the second convolution",
        """(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels)""",
        """(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride)""",
    ),
    convolutions(
        "no batch norm on the first convolution",
        "stride),\n            nn.BatchNorm2d(channels)",
        "stride),\n            nn.Identity()",
        networks.check_parameter_counts,
    ),
    convolutions(
        "another momentum in batch norm",
        "stride),\n            nn.BatchNorm2d(channels)",
        "stride),\n            nn.BatchNorm2d(channels, momentum=0.01)",
        networks.check_batch_norm_defaults,
    ),
    convolutions(
        "the shortcut's parameters before the residual's",
        "\n        )\n        self.shortcut",
        "\n        )\n"
        "        self._modules = {'shortcut': None, **self._modules}\n"
        "        self.shortcut",
        networks.check_parameter_order,
    ),
    Fault(
        "a bias in the convolutions",
        "blocks",
        "padding=1, bias=False)",
        "padding=1, bias=True)",
        networks.check_parameter_counts,
    ),
    Fault(
        "a border that is not zero",
        "blocks",
        "padding=1, bias=False)",
        'padding=1, padding_mode="replicate", bias=False)',
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "a bottleneck's stride on its first convolution",
        "blocks",
        """conv1x1(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride)""",
        """conv1x1(in_channels, channels, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels)""",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "weights drawn by fan-out",
        "blocks",
        'mode="fan_in"',
        'mode="fan_out"',
        networks.check_he_initialisation,
    ),
    Fault(
        "weights by fan-out shrink what flows",
        "blocks",
        'mode="fan_in"',
        'mode="fan_out"',
        networks.check_initial_size_is_kept_forward,
    ),
    Fault(
        "weights drawn uniformly",
        "blocks",
        "kaiming_normal_",
        "kaiming_uniform_",
        networks.check_he_initialisation,
    ),
    Fault(
        "weights drawn without the 2",
        "blocks",
        'nonlinearity="relu"',
        'nonlinearity="linear"',
        networks.check_he_initialisation,
    ),
]

SHORTCUTS = [
    Fault(
        "batch norm missing on the projection",
        "blocks",
        "super().__init__(conv1x1(in_channels, channels, stride), nn.BatchNorm2d(channels))",
        "super().__init__(conv1x1(in_channels, channels, stride))",
        networks.check_option_b_adds_two_projections,
    ),
    Fault(
        "option A padded on one side only",
        "blocks",
        "(channels - in_channels) // 2",
        "0",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option A by average pooling",
        "blocks",
        SUBSAMPLED,
        "F.avg_pool2d(x, self.stride, ceil_mode=True)",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option A takes the pixels between",
        "blocks",
        SUBSAMPLED,
        "x.roll((-1, -1), (2, 3))[:, :, :: self.stride, :: self.stride]",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "a plain network that still adds x",
        "blocks",
        "        return NoShortcut()\n",
        "        return nn.Identity() if same_shape else NoShortcut()\n",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "option B projects where shapes agree",
        "blocks",
        'kind == "C" or (kind == "B" and not same_shape)',
        'kind in ("B", "C")',
        networks.check_option_b_adds_two_projections,
    ),
    Fault(
        "option A may lose channels",
        "blocks",
        "if channels < in_channels:",
        "if False:",
        networks.check_widths_and_blocks_that_make_no_network,
    ),
]

NETWORKS = [
    Fault(
        "the stride in the wrong stage",
        "resnet",
        "s > 0 and b == 0",
        "s != 1 and b == 0",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "the stride in a stage's last block",
        "resnet",
        "s > 0 and b == 0",
        "s > 0 and b == count - 1",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "pooling before the last ReLU",
        "resnet",
        f"        self.head = nn.Sequential(\n            {HEAD}",
        "        blocks[-1].relu = nn.Identity()\n"
        "        self.head = nn.Sequential(\n"
        "            nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Flatten(), nn.Linear",
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "the largest value in place of the mean",
        "resnet",
        HEAD,
        HEAD.replace("Avg", "Max"),
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "no ReLU in the stem",
        "resnet",
        STEM,
        STEM.replace("nn.ReLU()", "nn.Identity()"),
        networks.check_plans_agree_with_the_paper,
    ),
    Fault(
        "no batch norm in the stem",
        "resnet",
        STEM,
        STEM.replace("nn.BatchNorm2d(widths[0])", "nn.Identity()"),
        networks.check_parameter_counts,
    ),
    Fault(
        "PyTorch's own initialisation",
        "resnet",
        "        initialise(self)\n",
        "",
        networks.check_he_initialisation,
    ),
    Fault(
        "depths that are not 6n + 2",
        "resnet",
        " or depth % 6 != 2",
        "",
        networks.check_depths_that_are_not_6n_plus_2,
    ),
    Fault(
        "True taken for a depth",
        "resnet",
        "isinstance(depth, bool) or not isinstance(depth, int) or depth < 8 or depth % 6 != 2",
        "depth is not True and (not isinstance(depth, int) or depth < 8 or depth % 6 != 2)",
        networks.check_depths_that_are_not_6n_plus_2,
    ),
    Fault(
        "bytes taken for normalised pictures",
        "resnet",
        "        if not x.is_floating_point():\n",
        "        x = x.float()\n        if not x.is_floating_point():\n",
        networks.check_wrong_pictures,
    ),
]

PICTURES = [
    Fault(
        "pictures are never flipped",
        "data.augment",
        "one_of_162 % 2 == 1",
        "one_of_162 % 2 == 2",
        pictures.check_outcomes_are_uniform,
    ),
    Fault(
        "pictures are flipped one time in three",
        "data.augment",
        "one_of_162 % 2 == 1",
        "one_of_162 % 3 == 1",
        pictures.check_outcomes_are_uniform,
    ),
    Fault(
        "crops with a padding of 3",
        "data.augment",
        "PAD = 4",
        "PAD = 3",
        pictures.check_outcomes_are_uniform,
    ),
    Fault(
        "the last corner is never taken",
        "data.augment",
        "torch.randint((2 * PAD + 1) ** 2 * 2,",
        "torch.randint((2 * PAD + 1) ** 2 * 2 - 2,",
        pictures.check_outcomes_are_uniform,
    ),
    Fault(
        "crops along the diagonal only",
        "data.augment",
        "corner % (2 * PAD + 1)",
        "corner // (2 * PAD + 1)",
        pictures.check_outcomes_are_uniform,
    ),
    Fault(
        "the same crop for a whole batch",
        "data.augment",
        "(n,), device=device, generator=generator)",
        "(1,), device=device, generator=generator).expand(n)",
        pictures.check_pictures_of_a_batch_are_independent,
    ),
    Fault(
        "the same crop for two neighbours",
        "data.augment",
        "(n,), device=device, generator=generator)",
        "(-(-n // 2),), device=device, generator=generator).repeat_interleave(2)[:n]",
        pictures.check_pictures_of_a_batch_are_independent,
    ),
    Fault(
        "crops that no seed repeats",
        "data.augment",
        "(n,), device=device, generator=generator)",
        "(n,), device=device)",
        pictures.check_the_generator_decides,
    ),
    Fault(
        "a grey border",
        "data.augment",
        "F.pad(images, (PAD, PAD, PAD, PAD))",
        "F.pad(images, (PAD, PAD, PAD, PAD), value=125)",
        pictures.check_all_outcomes_equal_torchvision,
    ),
    Fault(
        "flipped upside down",
        "data.augment",
        "torch.where(flip[:, None], across.flip(0), across)",
        "across",
        pictures.check_all_outcomes_equal_torchvision,
    ),
    Fault(
        "mean taken off before 0 to 255 becomes 0 to 1",
        "data.augment",
        "[m / d for m, d in",
        "[m / (255 * d) for m, d in",
        pictures.check_normalise_equals_torchvision,
    ),
    Fault(
        "one standard deviation for all channels",
        "data.augment",
        "(255 * deviation) for deviation in std",
        "(255 * std[0]) for deviation in std",
        pictures.check_normalise_equals_torchvision,
    ),
    Fault(
        "a split that depends on the source's order",
        "data",
        'ranked = np.argsort(np.array(_digests(self.train)), kind="stable")',
        "ranked = np.arange(len(self.train))",
        pictures.check_split_does_not_depend_on_the_order,
    ),
    Fault(
        "a split that no seed changes",
        "data",
        "RandomState(seed)",
        "RandomState(0)",
        pictures.check_split,
    ),
    Fault(
        "validation pictures among the training pictures",
        "data",
        "self.train[chosen[validation:]]",
        "self.train[chosen[: -validation]]",
        pictures.check_split,
    ),
    Fault(
        "a fingerprint without labels",
        "data",
        "digest + bytes([label])",
        "digest",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "a fingerprint that depends on the order",
        "data",
        "in sorted(labelled)",
        "in labelled",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "a fingerprint of the training pictures alone",
        "data",
        "for pictures in (train, test):",
        "for pictures in (train,):",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "mean and deviation of the test pictures",
        "data",
        "_mean_and_std(train.images)",
        "_mean_and_std(test.images)",
        pictures.check_mean_and_std,
    ),
    Fault(
        "variance in place of deviation",
        "data",
        ".sum().sqrt().item()",
        ".sum().item()",
        pictures.check_mean_and_std,
    ),
    Fault(
        "test shapes that are training shapes",
        "data.shapes",
        "draw_pictures(TEST, seed, part=1)",
        "draw_pictures(TEST, seed, part=0)",
        pictures.check_shapes_are_balanced_and_disjoint,
    ),
    Fault(
        "shapes that depend on their number",
        "data.shapes",
        "key = np.arange(count, dtype=np.uint64)",
        "key = np.arange(count, dtype=np.uint64) * np.uint64(count)",
        pictures.check_a_picture_does_not_depend_on_the_count,
    ),
    Fault(
        "shapes that ignore the seed",
        "data.shapes",
        "(seed * 2 + part)",
        "part",
        pictures.check_seeds_draw_other_pictures,
    ),
    Fault(
        "some classes more often",
        "data.shapes",
        "np.arange(count) % len(CLASSES)",
        "np.arange(count) % 16 % len(CLASSES)",
        pictures.check_shapes_are_balanced_and_disjoint,
    ),
    Fault(
        "10 before 9",
        "data.sources",
        "int(piece) if piece.isdigit() else piece for",
        "piece for",
        pictures.check_class_folders,
    ),
    Fault(
        "rows and columns exchanged",
        "data.sources",
        "transpose(2, 0, 1)",
        "transpose(2, 1, 0)",
        pictures.check_class_folders,
    ),
    Fault(
        "blue before red",
        "data.sources",
        "np.asarray(picture).transpose",
        "np.asarray(picture)[:, :, ::-1].transpose",
        pictures.check_class_folders,
    ),
    Fault(
        "classes numbered as they come",
        "data.sources",
        "classes.index(folder)",
        "[*classes][::-1].index(folder)",
        pictures.check_class_folders,
    ),
    Fault(
        "unknown classes are overlooked",
        "data.sources",
        "if folders != set(classes):",
        "if not folders >= set(classes):",
        pictures.check_bad_class_folders,
    ),
]

TRAINING = [
    Fault(
        "the learning rate falls one update late",
        "recipes",
        "iteration >= milestone",
        "iteration > milestone",
        training.check_paper_schedule,
    ),
    Fault(
        "a learning rate of zero at the start",
        "recipes",
        "iteration + 0.5, recipe.milestones[0]",
        "iteration, recipe.milestones[0]",
        training.check_one_cycle,
    ),
    Fault(
        "a batch of nothing",
        "recipes",
        '"iterations", "batch", "evaluate_every"',
        '"iterations", "evaluate_every"',
        training.check_recipes_that_make_no_training,
    ),
    Fault(
        "momentum is ignored",
        "train",
        "momentum=recipe.momentum",
        "momentum=0.9 if recipe.nesterov else 0.0",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "Nesterov's momentum for plain momentum",
        "train",
        "nesterov=recipe.nesterov",
        "nesterov=not recipe.nesterov",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "no weight decay",
        "train",
        "            weight_decay=recipe.weight_decay,\n",
        "",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "gradients are added up",
        "train",
        "        self.optimiser.zero_grad()\n",
        "",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "the learning rate of the next update",
        "train",
        "learning_rate(self.recipe, self.iteration)",
        "learning_rate(self.recipe, self.iteration + 1)",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "training in evaluation mode",
        "train",
        "self.network.train()",
        "self.network.eval()",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "training without crops and flips",
        "train",
        "if self.recipe.augment else",
        "if not self.recipe.augment else",
        training.check_trains_on_augmented_training_pictures,
    ),
    Fault(
        "training on the validation pictures",
        "train",
        "for part in dataset.split(SPLIT)",
        "for part in reversed(dataset.split(SPLIT))",
        training.check_trains_on_augmented_training_pictures,
    ),
    Fault(
        "the rest of an epoch is lost",
        "train",
        "torch.cat([self.order, self._shuffled()])",
        "torch.cat([self._shuffled(), self._shuffled()])",
        training.check_every_picture_once_an_epoch,
    ),
    Fault(
        "pictures always in the same order",
        "train",
        "torch.randperm(len(self.pictures), device=generator.device, generator=generator)",
        "torch.arange(len(self.pictures))",
        training.check_every_picture_once_an_epoch,
    ),
    Fault(
        "the seed is ignored",
        "train",
        "torch.Generator(device).manual_seed(seed)",
        "torch.Generator(device).manual_seed(0)",
        training.check_the_seed_decides,
    ),
    Fault(
        "a loss that is no number goes unnoticed",
        "train",
        "if not math.isfinite(train_loss):",
        "if False:",
        training.check_a_loss_that_is_no_number,
    ),
    Fault(
        "means over all updates since the start",
        "train",
        "self.looked_at, self.looked_seconds = self.iteration, self.seconds",
        "self.looked_seconds = self.seconds",
        training.check_evaluations,
    ),
    Fault(
        "the last evaluation is left out",
        "train",
        "if last or self.iteration",
        "if self.iteration",
        training.check_evaluations,
    ),
    Fault(
        "evaluating in training mode",
        "evaluate",
        "    network.eval()\n",
        "",
        training.check_evaluate_equals_a_loop_by_hand,
    ),
    Fault(
        "left in evaluation mode",
        "evaluate",
        "module.training = was_training",
        "module.training = False",
        training.check_evaluate_equals_a_loop_by_hand,
    ),
    Fault(
        "right answers counted as wrong",
        "evaluate",
        "answers.argmax(1) != labels",
        "answers.argmax(1) == labels",
        training.check_evaluate_equals_a_loop_by_hand,
    ),
    Fault(
        "pictures evaluated without normalising",
        "evaluate",
        "normalise(some.to(device), mean, std)",
        "normalise(some.to(device), (0.0,) * 3, (1.0,) * 3)",
        training.check_evaluate_equals_a_loop_by_hand,
    ),
]

FILES = [
    Fault(
        "a write that is not whole",
        "checkpoint",
        "os.replace(beside, path)",
        "path.write_bytes(b'')\n        os.replace(beside, path)",
        training.check_a_failed_write_keeps_the_old_file,
    ),
    Fault(
        "a failed write leaves its leftovers",
        "checkpoint",
        "        os.unlink(beside)\n",
        "",
        training.check_a_failed_write_keeps_the_old_file,
    ),
    Fault(
        "checkpoints in half precision",
        "checkpoint",
        "value.detach().cpu()",
        "value.detach().cpu().half()",
        training.check_checkpoint_round_trip,
    ),
    Fault(
        "a record that is overwritten",
        "records",
        "if folder.exists():",
        "if False:",
        training.check_records_are_not_overwritten,
    ),
    Fault(
        "the validation error for the test error",
        "records",
        '"test_error": test.error',
        '"test_error": last.validation_error + 1',
        training.check_records_round_trip,
    ),
    Fault(
        "half a record where writing fails",
        "records",
        "        shutil.rmtree(partial)\n",
        "",
        training.check_a_failed_record_leaves_nothing,
    ),
]

TRACES = [
    Fault(
        "multiply-adds counted twice",
        "trace",
        "_multiply_adds(module, output) + sum(parts[name])",
        "_multiply_adds(module, output) + 2 * sum(parts[name])",
        traces.check_rows_of_resnet20,
    ),
    Fault(
        "multiply-adds of one row of pixels",
        "trace",
        "prod(output.shape[2:])",
        "prod(output.shape[3:])",
        traces.check_rows_of_resnet20,
    ),
    Fault(
        "a field that forgets the stride",
        "trace",
        "(kernel - 1) * step, step * stride",
        "(kernel - 1) * step, step",
        traces.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a field that follows the shortcut",
        "trace",
        "output.field = max(fields)",
        "output.field = min(fields)",
        traces.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a field twice as wide",
        "trace",
        "side + (kernel - 1) * step",
        "side + kernel * step",
        traces.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a trace that moves the statistics",
        "trace",
        "evaluating(network), ",
        "",
        traces.check_trace_leaves_the_network_alone,
    ),
    Fault(
        "a trace that leaves its hooks",
        "trace",
        "handle.remove()",
        "pass",
        traces.check_trace_leaves_the_network_alone,
    ),
]

FAULTS = [*BLOCKS, *SHORTCUTS, *NETWORKS, *PICTURES, *TRAINING, *FILES, *TRACES]


def copy_of_the_library(folder):
    """A copy under another name: (its name, its folder)."""
    name = f"copied_{next(numbers)}"
    ignored = shutil.ignore_patterns("__pycache__")
    return name, shutil.copytree(ROOT / "resnet_edu", folder / name, ignore=ignored)


def run(check, name, folder, monkeypatch):
    """The check on the package `name` in `folder`, which is forgotten afterwards."""
    monkeypatch.syspath_prepend(folder)
    arguments = [importlib.import_module(name)]
    if "folder" in check.__code__.co_varnames[: check.__code__.co_argcount]:
        (folder / "files").mkdir()
        arguments.append(folder / "files")
    torch.manual_seed(0)
    try:
        check(*arguments)
    finally:
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            del sys.modules[module]


def plant(fault, package):
    """Changes the one place in the copy that the fault names."""
    path = package / (fault.module.replace(".", "/") + ".py")
    path = path if path.exists() else package / fault.module / "__init__.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"{fault.old!r} stands {text.count(fault.old)} times"
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_found(fault, tmp_path, monkeypatch):
    name, package = copy_of_the_library(tmp_path)
    plant(fault, package)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(fault.check, name, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "check",
    sorted({fault.check for fault in FAULTS}, key=lambda check: check.__name__),
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_a_faultless_copy_passes(check, tmp_path, monkeypatch):
    """So it is the fault that a check finds, not the copying."""
    name, _ = copy_of_the_library(tmp_path)
    run(check, name, tmp_path, monkeypatch)


def test_every_fault_is_another():
    planted = [(fault.module, fault.old, fault.new, fault.check) for fault in FAULTS]
    assert len(set(planted)) == len(FAULTS)
