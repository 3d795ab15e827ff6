"""Faults planted in copies of the library, each of which a check of the other tests must find."""

import importlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
import torch
from checks import downloads, networks, pictures, running, sources, training
from checks import ledger as ledgers
from checks import predicting as predictions
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
        "sub_(m / deviation)",
        "sub_(m / (255 * deviation))",
        pictures.check_normalise_equals_torchvision,
    ),
    Fault(
        "one standard deviation for all channels",
        "data.augment",
        "mul_(1 / (255 * deviation))",
        "mul_(1 / (255 * std[0]))",
        pictures.check_normalise_equals_torchvision,
    ),
    Fault(
        "a split that depends on the source's order",
        "data.dataset",
        'ranked = np.argsort(np.array(_digests(self.train)), kind="stable")',
        "ranked = np.arange(len(self.train))",
        pictures.check_split_does_not_depend_on_the_order,
    ),
    Fault(
        "a split that no seed changes",
        "data.dataset",
        "RandomState(seed)",
        "RandomState(0)",
        pictures.check_split,
    ),
    Fault(
        "validation pictures among the training pictures",
        "data.dataset",
        "self.train[chosen[validation:]]",
        "self.train[chosen[: -validation]]",
        pictures.check_split,
    ),
    Fault(
        "a fingerprint without labels",
        "data.dataset",
        "digest + bytes([label])",
        "digest",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "a fingerprint that depends on the order",
        "data.dataset",
        "in sorted(labelled)",
        "in labelled",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "a fingerprint of the training pictures alone",
        "data.dataset",
        "for pictures in (train, test):",
        "for pictures in (train,):",
        pictures.check_fingerprint_fixes_pixels_and_labels,
    ),
    Fault(
        "mean and deviation of the test pictures",
        "data.dataset",
        "_mean_and_std(train.images)",
        "_mean_and_std(test.images)",
        pictures.check_mean_and_std,
    ),
    Fault(
        "variance in place of deviation",
        "data.dataset",
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
        "int(piece) if piece.isdecimal() else piece for",
        "piece for",
        sources.check_class_folders,
    ),
    Fault(
        "10 before 9 where there are no classes",
        "data.sources",
        "int(piece) if piece.isdecimal() else piece for",
        "piece for",
        sources.check_pictures_alone,
    ),
    Fault(
        "rows and columns exchanged",
        "data.sources",
        "transpose(2, 0, 1)",
        "transpose(2, 1, 0)",
        sources.check_class_folders,
    ),
    Fault(
        "blue before red",
        "data.sources",
        "pixels.transpose",
        "pixels[:, :, ::-1].transpose",
        sources.check_class_folders,
    ),
    Fault(
        "classes numbered as they come",
        "data.sources",
        "classes.index(folder)",
        "[*classes][::-1].index(folder)",
        sources.check_class_folders,
    ),
    Fault(
        "unknown classes are overlooked",
        "data.sources",
        "if set(folders) != set(classes):",
        "if not set(folders) >= set(classes):",
        sources.check_bad_class_folders,
    ),
    Fault(
        "grey pictures are taken",
        "data.sources",
        'size != (32, 32) or mode != "RGB"',
        "size != (32, 32)",
        sources.check_bad_class_folders,
    ),
]

SOURCES = [
    Fault(
        "ids that stand for two pictures",
        "data.sources",
        "if len(set(numbers)) == len(numbers):",
        "if True:",
        sources.check_ids,
    ),
    Fault(
        "ids in another order than the pictures",
        "data.sources",
        "torch.tensor(numbers, dtype=torch.int64)",
        "torch.tensor(sorted(numbers), dtype=torch.int64)",
        sources.check_ids,
    ),
    Fault(
        "the end of a compressed tar is not read",
        "data.archives",
        "while archive.fileobj.read(1 << 20):",
        "while False:",
        sources.check_bad_archives,
    ),
    Fault(
        "a damaged file that is not named",
        "data.archives",
        "{source.name}: {name} cannot",
        "{source.name}: a file cannot",
        sources.check_bad_archives,
    ),
    Fault(
        "pickles may ask for anything",
        "data.batches",
        '            raise pickle.UnpicklingError(\n                f"it asks',
        "            return super().find_class(module, name)\n"
        '            raise pickle.UnpicklingError(\n                f"it asks',
        sources.check_pickles_run_nothing,
    ),
    Fault(
        "batches as they come",
        "data.batches",
        "        for name in part:\n",
        "        for name in (name for name in files if name in part):\n",
        sources.check_batches,
    ),
    Fault(
        "labels that no class has",
        "data.batches",
        "if len(some) and not 0 <= their_labels.min() <= their_labels.max() < len(names):",
        "if False:",
        sources.check_bad_batches,
    ),
    Fault(
        "other names of classes",
        "data.batches",
        "if names != known.classes:",
        "if set(names) != set(known.classes):",
        sources.check_bad_batches,
    ),
    Fault(
        "rows of pixels taken for planes",
        "data.batches",
        "pixels.transpose(0, 3, 1, 2)",
        "pixels",
        sources.check_one_batch,
    ),
    Fault(
        "a batch's own ids are overlooked",
        "data.batches",
        "torch.arange(len(images)) if ids is None else ids",
        "torch.arange(len(images))",
        sources.check_one_batch,
    ),
    Fault(
        "the cache's pictures are not checked",
        "data.cache",
        'dataset.fingerprint != about["fingerprint"] or ',
        "",
        sources.check_cache,
    ),
    Fault(
        "the cache's ids are not checked",
        "data.cache",
        ' or _digest(ids) != about["ids"]',
        "",
        sources.check_cache,
    ),
    Fault(
        "a damaged cache stays",
        "data.cache",
        "            path.unlink()\n",
        "            path.is_file()\n",
        sources.check_cache,
    ),
    Fault(
        "a cache that cannot be written is an error",
        "data.cache",
        "    except OSError as error:\n        warnings.warn(\n",
        "    except ZeroDivisionError as error:\n        warnings.warn(\n",
        sources.check_a_cache_that_cannot_be_written,
    ),
    Fault(
        "a lossy copy is kept for the real one",
        "data.cache",
        "    if dataset.official is False:\n        return False\n",
        "",
        sources.check_official_pictures,
    ),
    Fault(
        "batches that somebody changed",
        "data",
        'if found.kind.startswith("official") and dataset.official is False:',
        "if False:",
        sources.check_official_pictures,
    ),
    Fault(
        "half a dataset is taken for the whole",
        "data",
        "if len(labels) != expected:",
        "if not len(labels):",
        sources.check_no_silent_change_of_source,
    ),
    Fault(
        "the cache where RESNET_EDU_DATA does not serve",
        "data",
        "    except FileNotFoundError as error:\n        raise",
        "    except (OSError, ValueError) as error:\n"
        "        if (dataset := cache.recall(known)) is not None:\n"
        "            return dataset\n"
        "        raise",
        sources.check_no_silent_change_of_source,
    ),
]

DOWNLOADS = [
    Fault(
        "a download nobody asked for",
        "data",
        "    if download:\n",
        "    if True:\n",
        downloads.check_load_downloads_when_asked,
    ),
    Fault(
        "the archive stays beside the cache",
        "data",
        "            archive.unlink()\n",
        "            pass\n",
        downloads.check_load_downloads_when_asked,
    ),
    Fault(
        "the hash is not checked",
        "data.download",
        "    if _sha256(part) == known.sha256:\n",
        "    if True:\n",
        downloads.check_other_bytes,
    ),
    Fault(
        "an old archive is taken unseen",
        "data.download",
        "if path.is_file() and _sha256(path) == known.sha256:",
        "if path.is_file():",
        downloads.check_download,
    ),
    Fault(
        "every download begins again",
        "data.download",
        "if start else {}",
        "if False else {}",
        downloads.check_an_interrupted_download_resumes,
    ),
    Fault(
        "the rest is written over the beginning",
        "data.download",
        "    file.seek(start)\n",
        "",
        downloads.check_an_interrupted_download_resumes,
    ),
    Fault(
        "the whole is added to the part",
        "data.download",
        "    start = 0\n    if response.status == 206:\n",
        "    start = _size(part)\n    if response.status == 206:\n",
        downloads.check_a_server_that_cannot_resume,
    ),
    Fault(
        "the rest of something else is taken",
        "data.download",
        'if not promised.startswith(f"bytes {start}-"):',
        "if False:",
        downloads.check_a_server_that_cannot_resume,
    ),
    Fault(
        "a server is blamed for the part it had to go on from",
        "data.download",
        "    if not resumed:\n",
        "    if True:\n",
        downloads.check_a_part_that_is_wrong,
    ),
    Fault(
        "a page for guests costs the part",
        "data.download",
        "    file.seek(start)\n",
        "    file.seek(start)\n    file.truncate()\n",
        downloads.check_a_page_does_not_cost_the_part,
    ),
    Fault(
        "any length is believed",
        "data.download",
        "if length is not None and length != str(size - start):",
        "if False:",
        downloads.check_other_bytes,
    ),
    Fault(
        "a slow server is not left",
        "data.download",
        "if seconds >= PATIENCE and",
        "if False and",
        downloads.check_servers_that_stall_or_are_slow,
    ),
    Fault(
        "a slow server never gets its time",
        "data.download",
        "for slowest in (SLOW, HOPELESS):",
        "for slowest in (SLOW,):",
        downloads.check_servers_that_stall_or_are_slow,
    ),
    Fault(
        "only the last failure is told",
        "data.download",
        "                failures[url] = error\n",
        "                failures = {url: error}\n",
        downloads.check_one_error_lists_all,
    ),
    Fault(
        "no download without a cache",
        "data",
        "    except OSError:  # the folder",
        "    except ZeroDivisionError:  # the folder",
        downloads.check_load_without_a_cache,
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
        "update",
        "momentum=recipe.momentum",
        "momentum=0.9 if recipe.nesterov else 0.0",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "Nesterov's momentum for plain momentum",
        "update",
        "nesterov=recipe.nesterov",
        "nesterov=not recipe.nesterov",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "no weight decay",
        "update",
        "            weight_decay=recipe.weight_decay,\n",
        "",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "gradients are added up",
        "update",
        "        self.optimiser.zero_grad()\n        self.scaler.scale",
        "        self.scaler.scale",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "the learning rate of the next update",
        "train",
        "learning_rate(self.recipe, self.iteration, ",
        "learning_rate(self.recipe, self.iteration + 1, ",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "training in evaluation mode",
        "update",
        "self.network.train()\n        self._run()",
        "self.network.eval()\n        self._run()",
        training.check_step_is_sgd_by_hand,
    ),
    Fault(
        "training without crops and flips",
        "update",
        "if self.augment else",
        "if not self.augment else",
        training.check_trains_on_augmented_training_pictures,
    ),
    Fault(
        "training on the validation pictures",
        "train",
        "(*dataset.split(SPLIT), dataset.test)",
        "(*reversed(dataset.split(SPLIT)), dataset.test)",
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
        "torch.randperm(self.pictures, device=device, generator=self.generator)",
        "torch.arange(self.pictures)",
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
        "if self.looked_at + finite < self.iteration:",
        "if False:",
        training.check_a_loss_that_is_no_number,
    ),
    Fault(
        "means over all updates since the start",
        "train",
        "steps = self.iteration - self.looked_at",
        "steps = self.iteration",
        training.check_evaluations,
    ),
    Fault(
        "evaluated one update late",
        "train",
        "self.iteration % self.recipe.evaluate_every == 0",
        "self.iteration % self.recipe.evaluate_every == 1",
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

RUNNING = [
    Fault(
        "bfloat16 in name only",
        "speed",
        'lower = self.precision != "float32"',
        "lower = False",
        running.check_convolutions_run_in_the_precision,
    ),
    Fault(
        "a step that waits for its loss",
        "update",
        "self.sums[0] += loss.detach()",
        "self.sums[0] += loss.item()",
        running.check_steps_wait_for_nothing,
    ),
    Fault(
        "gradients of float16 as they are",
        "update",
        'enabled=speed.precision == "float16"',
        "enabled=False",
        running.check_float16_scales_its_loss,
    ),
    Fault(
        "a warm-up that never ends",
        "train",
        "100 * (wrong - wrong_then) / pictures <",
        "wrong / pictures <",
        running.check_warm_up,
    ),
    Fault(
        "a warm-up that looks at all iterations so far",
        "train",
        "        self.warm_up_look = (self.iteration, wrong)\n",
        "",
        running.check_warm_up,
    ),
    Fault(
        "a warm-up that counts what an evaluation has set to zero",
        "train",
        "        self.warm_up_look = (self.iteration, 0.0)\n",
        "",
        running.check_warm_up_across_an_evaluation,
    ),
    Fault(
        "a warm-up at the whole rate",
        "recipes",
        "return recipe.lr / 10",
        "return recipe.lr",
        running.check_warm_up,
    ),
    Fault(
        "momenta are forgotten at a stop",
        "update",
        'return {**weights, **momenta, "sums": self.sums}',
        'return {**weights, "sums": self.sums}',
        running.check_resume_to_the_bit,
    ),
    Fault(
        "sums are forgotten at a stop",
        "update",
        'return {**weights, **momenta, "sums": self.sums}',
        "return {**weights, **momenta}",
        running.check_resume_to_the_bit,
    ),
    Fault(
        "dice are thrown anew after a stop",
        "resume",
        '    training.generator.set_state(tensors["generator"])\n',
        "",
        running.check_resume_to_the_bit,
    ),
    Fault(
        "an epoch begins anew after a stop",
        "resume",
        '    training.batches.order = tensors["order"].long().to(device)\n',
        "",
        running.check_resume_to_the_bit,
    ),
    Fault(
        "the best is forgotten at a stop",
        "resume",
        'if name.startswith("best.")',
        "if False",
        running.check_resume_to_the_bit,
    ),
    Fault(
        "the earlier evaluations are forgotten at a stop",
        "resume",
        '[Evaluation(**row) for row in state["metrics"]]',
        "[]",
        running.check_resume_to_the_bit,
    ),
    Fault(
        "the warm-up begins anew after a stop",
        "resume",
        '("warming_up", "warm_up_ended", "warm_up_look")',
        '("warm_up_ended", "warm_up_look")',
        running.check_resume_to_the_bit,
    ),
    Fault(
        "the scale of the loss is forgotten at a stop",
        "resume",
        '"scaler": training.update.scaler.state_dict()',
        '"scaler": training.update.scaler.state_dict() and {"scale": 2.0, '
        '"growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2, '
        '"_growth_tracker": 0}',
        running.check_resume_to_the_bit,
    ),
    Fault(
        "a state in which the loss is no number",
        "resume",
        "    training.check()\n",
        "",
        running.check_the_last_good_state_stays,
    ),
    Fault(
        "a state of any run goes on as this one",
        "runs",
        "if value is not None and begun.get(name) != value:",
        "if False:",
        running.check_a_state_of_another_run,
    ),
    Fault(
        "a full disk ends the run",
        "runs",
        "except OSError as error:  # a full disk",
        "except ValueError as error:  # a full disk",
        running.check_a_full_disk_ends_no_run,
    ),
    Fault(
        "the state goes before the record stands",
        "runs",
        "    run = records.write_run(",
        "    path.unlink()\n    run = records.write_run(",
        running.check_a_record_that_cannot_be_written,
    ),
    Fault(
        "two processes at one run",
        "files",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        running.check_one_process_a_run,
    ),
    Fault(
        "halves of killed writes stay",
        "runs",
        "        remove_halves(path)\n",
        "",
        running.check_one_process_a_run,
    ),
    Fault(
        "the slowest is chosen",
        "speed",
        "return max(ready",
        "return min(ready",
        running.check_the_fastest_is_chosen,
    ),
    Fault(
        "short runs are measured too",
        "speed",
        "WORTH_MEASURING = 600",
        "WORTH_MEASURING = 0",
        running.check_the_fastest_is_chosen,
    ),
    Fault(
        "a missing compiler ends the run",
        "speed",
        "    if not ready and compiled:",
        "    if False:",
        running.check_what_does_not_run_is_left_out,
    ),
    Fault(
        "measuring trains the network",
        "runs",
        "copy.deepcopy(network).to(",
        "network.to(",
        running.check_measuring_changes_nothing,
    ),
    Fault(
        "later of two equals is called the best",
        "train",
        "if row.validation_error < min(",
        "if row.validation_error <= min(",
        training.check_best_on_validation,
    ),
]

FILES = [
    Fault(
        "a write that is not whole",
        "files",
        "os.replace(beside, path)",
        "path.write_bytes(b'')\n        os.replace(beside, path)",
        training.check_a_failed_write_keeps_the_old_file,
    ),
    Fault(
        "a failed write leaves its leftovers",
        "files",
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
        "the best iterate quoted for the last",
        "records",
        '"last": _result(last)',
        '"last": _result(best) | {"iteration": last.iteration}',
        training.check_best_on_validation,
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

PREDICTIONS = [
    Fault(
        "predicted in training mode",
        "evaluate",
        "    network.eval()\n",
        "",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "the network is left in evaluation mode",
        "evaluate",
        "module.training = was_training",
        "module.training = False",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "mean and deviation exchanged",
        "predict",
        "logits(network, some, mean, std)",
        "logits(network, some, std, mean)",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "only the first pictures are predicted",
        "predict",
        "predicted.append(answers.argmax(1).cpu())",
        "predicted = [answers.argmax(1).cpu()]",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "the second best class",
        "predict",
        "answers.argmax(1)",
        "answers.topk(2).indices[:, 1]",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "classes numbered from 1",
        "predict",
        "answers.argmax(1).cpu()",
        "answers.argmax(1).cpu() + 1",
        predictions.check_predictions_equal_a_loop_by_hand,
    ),
    Fault(
        "answers that are no numbers become class 0",
        "predict",
        "if not answers.isfinite().all():",
        "if False:",
        predictions.check_what_cannot_be_predicted,
    ),
    Fault(
        "the normalisation of CIFAR-10 for every checkpoint",
        "commands.predict",
        "images, about.mean, about.std",
        "images, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "ids that ignore the files' names",
        "predict",
        "(images, ids), labels = read_pictures(source), None",
        "images, labels = read_pictures(source)[0], None\n        ids = torch.arange(len(images))",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "pictures in the order of their names as text",
        "data.sources",
        "key=lambda picture: natural(picture[0]),",
        "key=lambda picture: picture[0],",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "ids of pictures that stand in another order",
        "commands.predict",
        "write_predictions(options.output, ids, predicted, classes)",
        "write_predictions(options.output, ids.sort().values, predicted, classes)",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "positions from 1",
        "predict",
        "torch.arange(count) if ids is None",
        "torch.arange(1, count + 1) if ids is None",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "an array's own ids are overlooked",
        "predict",
        'for key in ("labels", "ids") if key in names',
        'for key in ("labels",) if key in names',
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "rows of pixels taken for planes",
        "predict",
        "array = array.transpose(0, 3, 1, 2)",
        "array = array.reshape(-1, 3, 32, 32)",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "columns before rows",
        "predict",
        "array.transpose(0, 3, 1, 2)",
        "array.transpose(0, 3, 2, 1)",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "names where numbers were asked for",
        "commands.predict",
        "about.classes if options.names else None",
        "about.classes",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "right answers counted as wrong",
        "commands.predict",
        "(predicted != labels)",
        "(predicted == labels)",
        predictions.check_every_form_gives_the_same,
    ),
    Fault(
        "the training pictures for the test pictures",
        "commands.predict",
        "test = dataset.test\n",
        "test = dataset.train[: len(dataset.test)]\n",
        predictions.check_the_test_set,
    ),
    Fault(
        "the test set's ids are overlooked",
        "commands.predict",
        "dataset.test_ids",
        "torch.arange(len(test))",
        predictions.check_the_test_set,
    ),
    Fault(
        "other pictures than the training's go unsaid",
        "commands.evaluate",
        "if dataset.fingerprint != about.fingerprint:",
        "if False:",
        predictions.check_the_test_set,
    ),
    Fault(
        "an error out of labels that are no classes",
        "commands.predict",
        "if low < 0 or high >= classes:",
        "if False:",
        predictions.check_labels_that_are_no_classes,
    ),
    Fault(
        "CIFAR-100's labels are not found",
        "commands.predict",
        'known.label_key if known else "labels"',
        '"labels"',
        predictions.check_fine_labels,
    ),
    Fault(
        "predictions that are not whole",
        "predict",
        "write_whole(path.resolve(), text.getvalue().encode())",
        "path.write_text('Id,Label')\n"
        "        write_whole(path.resolve(), text.getvalue().encode())",
        predictions.check_the_file,
    ),
    Fault(
        "a link becomes a file",
        "predict",
        "write_whole(path.resolve(),",
        "write_whole(path,",
        predictions.check_the_file,
    ),
    Fault(
        "a header of another form",
        "predict",
        'HEADER = ("Id", "Label")',
        'HEADER = ("id", "label")',
        predictions.check_the_file,
    ),
    Fault(
        "lines that end as on Windows",
        "predict",
        'lineterminator="\\n"',
        'lineterminator="\\r\\n"',
        predictions.check_the_file,
    ),
    Fault(
        "any file is written over",
        "predict",
        "if path.exists() and not _replaceable(path):",
        "if path.is_dir():",
        predictions.check_inputs_are_never_overwritten,
    ),
    Fault(
        "a file of any first line is written over",
        "predict",
        'first.rstrip() == ",".join(HEADER).encode()',
        'first.startswith(b"Id,")',
        predictions.check_places,
    ),
    Fault(
        "predictions among the pictures",
        "predict",
        "if pictures and pictures.is_dir() and",
        "if False and",
        predictions.check_places,
    ),
    Fault(
        "arrays may run code",
        "predict",
        "allow_pickle=False",
        "allow_pickle=True",
        predictions.check_arrays_run_nothing,
    ),
    Fault(
        "NumPy's advice to run what a file holds",
        "predict",
        'if "pickle" in reason:',
        "if False:",
        predictions.check_bad_pictures,
    ),
    Fault(
        "floats are taken for bytes",
        "predict",
        "    if array.dtype != np.uint8:\n",
        "    if array.dtype.kind == 'f':\n"
        "        array = array.astype(np.uint8)\n"
        "    if array.dtype != np.uint8:\n",
        predictions.check_bad_pictures,
    ),
    Fault(
        "ids that stand for two pictures are written",
        "predict",
        "if len(values) < len(ids):",
        "if False:",
        predictions.check_bad_pictures,
    ),
    Fault(
        "a file without a row",
        "commands.predict",
        "    if not len(images):\n",
        "    if False:\n",
        predictions.check_bad_pictures,
    ),
    Fault(
        "a run under way that is not recognised",
        "commands.evaluate",
        "if under_way := _under_way(path):",
        'if under_way := "":',
        predictions.check_checkpoints_that_are_none,
    ),
]

LEDGER = [
    Fault(
        "the population's spread for the sample's",
        "ledger",
        "from statistics import mean, stdev",
        "from statistics import mean, pstdev as stdev",
        ledgers.check_seeds_share_a_row,
    ),
    Fault(
        "a spread of one seed",
        "ledger",
        "if len(self.runs) > 1 else None",
        "if len(self.runs) > 1 else 0.0",
        ledgers.check_one_seed_has_no_spread,
    ),
    Fault(
        "the best iterate is quoted",
        "records",
        """self.record["results"]["last"]["test_error"]""",
        """self.record["results"]["best_on_validation"]["test_error"]""",
        ledgers.check_seeds_share_a_row,
    ),
    Fault(
        "the best seed is quoted",
        "ledger",
        "return mean(run.test_error for run in self.runs)",
        "return min(run.test_error for run in self.runs)",
        ledgers.check_seeds_share_a_row,
    ),
    Fault(
        "recipes share a row",
        "ledger",
        """run.record["recipe"]["name"], precision_of(run)""",
        """"paper", precision_of(run)""",
        ledgers.check_what_differs_has_its_own_row,
    ),
    Fault(
        "datasets share a row",
        "ledger",
        """return run.record["dataset"], run.record""",
        """return "cifar10", run.record""",
        ledgers.check_what_differs_has_its_own_row,
    ),
    Fault(
        "precisions share a row",
        "ledger",
        """["name"], precision_of(run)""",
        """["name"], "float32\"""",
        ledgers.check_what_differs_has_its_own_row,
    ),
    Fault(
        "precisions share a figure",
        "show.curves",
        "if comparison_of(run) != comparison_of(runs[0]):",
        "if comparison_of(run)[:2] != comparison_of(runs[0])[:2]:",
        ledgers.check_only_what_compares_shares_a_figure,
    ),
    Fault(
        "other pictures under one name",
        "ledger",
        """record["fingerprint"]),""",
        "0),",
        ledgers.check_a_name_means_one_thing,
    ),
    Fault(
        "another split under one name",
        "ledger",
        """record["split"]),""",
        "0),",
        ledgers.check_a_name_means_one_thing,
    ),
    Fault(
        "another recipe under one name",
        "ledger",
        """("recipe", recipe.name, _trained(recipe)),""",
        "",
        ledgers.check_a_name_means_one_thing,
    ),
    Fault(
        "looking more often is another recipe",
        "ledger",
        "return replace(recipe, evaluate_every=1)",
        "return recipe",
        ledgers.check_a_name_means_one_thing,
    ),
    Fault(
        "a copied folder counts twice",
        "ledger",
        "if run.name != name:",
        "if False:",
        ledgers.check_a_name_means_one_thing,
    ),
    Fault(
        "the paper's number beside every recipe",
        "ledger",
        "PUBLISHED.get((self.network, self.dataset, self.recipe))",
        """PUBLISHED.get((self.network, self.dataset, "paper"))""",
        ledgers.check_the_paper_where_it_applies,
    ),
    Fault(
        "the paper's number beside every dataset",
        "ledger",
        "PUBLISHED.get((self.network, self.dataset, self.recipe))",
        """PUBLISHED.get((self.network, "cifar10", self.recipe))""",
        ledgers.check_the_paper_where_it_applies,
    ),
    Fault(
        "the paper's best of five beside a mean",
        "paper",
        "self.error if self.mean is None else self.mean",
        "self.error",
        ledgers.check_the_paper_where_it_applies,
    ),
    Fault(
        "one seed stands for all that are planned",
        "ledger",
        "if run_name(*kind, seed) not in made",
        "if not any(name.startswith(run_name(*kind, 0)[:-1]) for name in made)",
        ledgers.check_not_made,
    ),
    Fault(
        "training error for test error",
        "show.curves",
        "(row.iteration, row.test_error)",
        "(row.iteration, row.train_error)",
        ledgers.check_curves,
    ),
    Fault(
        "axes of its own for each panel",
        "show.curves",
        "_panel(kind, kinds[kind], end, top)",
        "_panel(kind, kinds[kind], end, _top(kinds[kind]))",
        ledgers.check_curves,
    ),
    Fault(
        "an error that was not measured is drawn",
        "show.curves",
        "if math.isnan(error):",
        "if False:",
        ledgers.check_what_was_not_measured_is_not_drawn,
    ),
    Fault(
        "names on one another",
        "show.curves",
        "lowest -= LINE",
        "pass",
        ledgers.check_names_do_not_lie_on_one_another,
    ),
    Fault(
        "worse told as better",
        "show.tables",
        "'more' if points > 0 else 'less'",
        "'more' if points < 0 else 'less'",
        ledgers.check_summary,
    ),
    Fault(
        "resumed runs are not marked",
        "show.tables",
        "if row.resumed else",
        "if False else",
        ledgers.check_tables,
    ),
]

FAULTS = [
    *BLOCKS,
    *SHORTCUTS,
    *NETWORKS,
    *PICTURES,
    *SOURCES,
    *DOWNLOADS,
    *TRAINING,
    *RUNNING,
    *FILES,
    *TRACES,
    *PREDICTIONS,
    *LEDGER,
]


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
