"""What must hold of recipes, the loop, evaluation, checkpoints and records."""

import copy
import math
import os
import shutil
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from . import part
from .pictures import few_shapes


def tiny_network(package, seed=0):
    torch.manual_seed(seed)
    block = part(package, "blocks").BasicBlock
    return package.resnet.ResNet(block, (1, 1, 1), (4, 8, 8))


def tiny_recipe(package, **changes):
    values = {"iterations": 6, "lr": 0.1, "schedule": "one-cycle", "milestones": (2,)}
    values |= {"batch": 16, "evaluate_every": 4, **changes}
    return part(package, "recipes").Recipe("tiny", **values)


def tiny_training(package, network=None, seed=0, **changes):
    return part(package, "train").Training(
        network or tiny_network(package), few_shapes(package), tiny_recipe(package, **changes), seed
    )


def silent(_):
    """Takes an evaluation and prints nothing."""


# Recipes


def check_paper_schedule(package):
    """Section 4.2: 0.1, divided by 10 at 32,000 and 48,000 iterations, stopped at 64,000."""
    recipes = part(package, "recipes")
    paper = recipes.by_name("paper")
    assert (paper.iterations, paper.batch, paper.augment) == (64_000, 128, True)
    assert (paper.momentum, paper.nesterov, paper.weight_decay) == (0.9, False, 1e-4)
    rates = [round(recipes.learning_rate(paper, i), 9) for i in range(64_000)]
    assert rates == [0.1] * 32_000 + [0.01] * 16_000 + [0.001] * 16_000
    short = recipes.by_name("short")
    rates = [round(recipes.learning_rate(short, i), 9) for i in range(short.iterations)]
    assert rates == [0.1] * 4_000 + [0.01] * 2_000 + [0.001] * 2_000
    likewise = {"name": "paper", "iterations": 64_000, "milestones": (32_000, 48_000)}
    assert replace(short, **likewise, evaluate_every=1000) == paper
    warm = recipes.by_name("paper-warm")
    assert warm.warm_up_below == 80
    assert replace(warm, name="paper", warm_up_below=None) == paper
    assert [recipes.learning_rate(warm, i) for i in range(64_000)] == [
        recipes.learning_rate(paper, i) for i in range(64_000)
    ]
    assert {recipes.learning_rate(warm, i, warming_up=True) for i in range(400)} == {0.01}


def check_one_cycle(package):
    """A line up over the first milestone, a line down to the end, taken at mid-update."""
    recipes = part(package, "recipes")
    recipe = tiny_recipe(package, iterations=6, lr=0.8, milestones=(2,))
    rates = [recipes.learning_rate(recipe, i) for i in range(6)]
    assert rates == pytest.approx([0.2, 0.6, 0.7, 0.5, 0.3, 0.1])
    fast = recipes.by_name("fast")
    assert (fast.iterations, fast.batch, fast.augment) == (10_548, 128, True)
    assert (fast.momentum, fast.nesterov, fast.weight_decay) == (0.9, True, 5e-4)
    up = [0.2 * (i + 0.5) / 1_500 for i in range(1_500)]
    down = [0.2 * (10_548 - i - 0.5) / (10_548 - 1_500) for i in range(1_500, 10_548)]
    rates = [recipes.learning_rate(fast, i) for i in range(fast.iterations)]
    assert rates == pytest.approx(up + down)
    for recipe in recipes.RECIPES.values():
        rates = [recipes.learning_rate(recipe, i) for i in range(recipe.iterations)]
        assert min(rates) > 0 and 0.99 * recipe.lr < max(rates) <= recipe.lr


def check_recipes_that_make_no_training(package):
    for changes, words in (
        ({"batch": 0}, "batch must be 1 or more, not 0"),
        ({"batch": -5}, "batch must be 1 or more, not -5"),
        ({"iterations": 0}, "iterations must be 1 or more, not 0"),
        ({"iterations": -1}, "iterations must be 1 or more, not -1"),
        ({"evaluate_every": 0}, "evaluate_every must be 1 or more, not 0"),
        ({"lr": 0}, "lr must be above 0 and finite, not 0"),
        ({"lr": -0.1}, "lr must be above 0 and finite, not -0.1"),
        ({"schedule": "cosine"}, "schedule must be .* not 'cosine'"),
        ({"lr": float("nan")}, "lr must be above 0 and finite, not nan"),
        ({"milestones": (6,)}, r"one milestone inside them, its peak, not 6 and \(6,\)"),
        ({"milestones": (0,)}, r"one milestone inside them, its peak, not 6 and \(0,\)"),
        ({"warm_up_below": 0}, "warm_up_below must be a per cent between 0 and 100, not 0"),
        ({"warm_up_below": 100}, "warm_up_below must be a per cent between 0 and 100, not 100"),
        ({"milestones": ()}, r"one milestone inside them, its peak, not 6 and \(\)"),
    ):
        with pytest.raises(ValueError, match=words):
            tiny_recipe(package, **changes)
    with pytest.raises(
        ValueError, match="unknown recipe 'slow'; there are paper, paper-warm, short,"
    ):
        part(package, "recipes").by_name("slow")


# The loop


def check_every_picture_once_an_epoch(package):
    """Batches of 7 out of 10 pictures: each epoch holds all ten, in an order of its own."""
    train = part(package, "train")
    batches = train.Batches(10, 7, torch.Generator().manual_seed(0))
    drawn = [batches.next() for _ in range(10)]
    assert [len(batch) for batch in drawn] == [7] * 10
    epochs = torch.cat(drawn).view(7, 10)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(10).expand(7, -1))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 7
    whole = train.Batches(10, 25, torch.Generator().manual_seed(0)).next()
    assert torch.bincount(whole).sort().values.tolist() == [2] * 5 + [3] * 5


def check_step_is_sgd_by_hand(package):
    """Three updates against momentum, weight decay and the gradient written out."""
    for nesterov in (False, True):
        training = tiny_training(
            package, augment=False, nesterov=nesterov, momentum=0.8, weight_decay=0.1
        )
        expected = sgd_by_hand(package, training, updates=3)
        for _ in range(3):
            training.step()
        weights = training.network.state_dict()
        for name, value in expected.state_dict().items():
            assert_close(weights[name], value, rtol=1e-3, atol=1e-5, msg=name)


def sgd_by_hand(package, training, updates):
    """A copy of the network after that many updates of its own."""
    recipe, data = training.recipe, part(package, "data")
    rate = part(package, "recipes").learning_rate
    network = copy.deepcopy(training.network).train()
    batches = part(package, "train").Batches(
        len(training.pictures), recipe.batch, torch.Generator().manual_seed(0)
    )
    velocities = [torch.zeros_like(p) for p in network.parameters()]
    for i in range(updates):
        pictures = training.pictures[batches.next()]
        x = data.normalise(pictures.images, training.mean, training.std)
        loss = F.cross_entropy(network(x), pictures.labels)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for p, g, v in zip(network.parameters(), gradients, velocities, strict=True):
                g = g + recipe.weight_decay * p
                v.mul_(recipe.momentum).add_(g)
                p -= rate(recipe, i) * (g + recipe.momentum * v if recipe.nesterov else v)
    return network


def check_trains_on_augmented_training_pictures(package):
    """What the network meets: floats, crops of the training pictures, never validation's."""
    training = tiny_training(package)
    dataset = few_shapes(package)
    kept = set(map(bytes, dataset.split(0)[1].images.numpy()))
    assert set(map(bytes, training.validation.images.numpy())) == kept
    assert not kept & set(map(bytes, training.pictures.images.numpy()))
    as_it_was, met = training.pictures.images.clone(), []
    training.network.register_forward_pre_hook(lambda _, args: met.append(args[0]))
    training.step()
    assert torch.equal(training.pictures.images, as_it_was)
    assert met[0].dtype == torch.float32
    plain = part(package, "data").normalise(as_it_was, training.mean, training.std)
    untouched = [any(torch.equal(x, y) for y in plain) for x in met[0]]
    assert sum(untouched) < 4  # the middle crop, unflipped: once in 162


def check_the_seed_decides(package):
    """The same seed gives the same weights to the bit, another seed others."""
    weights = []
    for seed in (0, 0, 1):
        training = tiny_training(package, seed=seed)
        training.run(on_evaluation=silent)
        weights.append(torch.cat([p.flatten() for p in training.network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def check_evaluations(package):
    """Rows at 4 and 6 of 6; means since the row before; the rate of the last update."""
    training, told = tiny_training(package, augment=False), []
    rows = training.run(on_evaluation=told.append)
    assert rows == told
    assert [row.iteration for row in rows] == [4, 6]
    assert [row.epoch for row in rows] == pytest.approx([4 * 16 / 180, 6 * 16 / 180])
    rate = part(package, "recipes").learning_rate
    assert [row.learning_rate for row in rows] == [rate(training.recipe, i) for i in (3, 5)]
    assert training.metrics == rows and training.finished
    losses, errors = losses_by_hand(package)
    assert [row.train_loss for row in rows] == pytest.approx(losses, rel=1e-4)
    assert [row.train_error for row in rows] == pytest.approx(errors)
    evaluate, parts = part(package, "evaluate").evaluate, (training.validation, training.test)
    validation, test = (evaluate(training.network, p, training.mean, training.std) for p in parts)
    assert (rows[-1].validation_loss, rows[-1].validation_error) == (
        validation.loss,
        validation.error,
    )
    assert (rows[-1].test_loss, rows[-1].test_error) == (test.loss, test.error)
    assert len(training.test) == 100 and len(training.validation) == 20
    assert 0 < rows[0].seconds < rows[1].seconds
    assert all(row.pictures_per_second > 0 for row in rows)


def losses_by_hand(package):
    """Mean training loss and error of updates 1 to 4 and 5 to 6, out of the network's answers."""
    training, seen = tiny_training(package, augment=False), []
    order = part(package, "train").Batches(180, 16, torch.Generator().manual_seed(0))
    training.network.register_forward_hook(
        lambda _, args, answers: seen.append(
            (answers.detach(), training.pictures.labels[order.next()])
        )
    )
    for _ in range(6):
        training.step()
    losses = [F.cross_entropy(answers, labels).item() for answers, labels in seen]
    errors = [100 * (a.argmax(1) != labels).double().mean().item() for a, labels in seen]
    return [[sum(v[:4]) / 4, sum(v[4:]) / 2] for v in (losses, errors)]


def check_a_loss_that_is_no_number(package):
    network = tiny_network(package)
    nn.init.constant_(network.head[-1].bias, math.nan)
    training = tiny_training(package, network)
    words = "the training loss is no finite number after 0 iterations; a lower learning rate"
    with pytest.raises(FloatingPointError, match=words):
        training.run(on_evaluation=silent)
    training = tiny_training(package)
    for i in range(4):
        if i == 2:
            nn.init.constant_(training.network.head[-1].bias, math.inf)
        training.step()
    with pytest.raises(FloatingPointError, match="no finite number after 2 iterations"):
        training.evaluate()


# Evaluation


def check_evaluate_equals_a_loop_by_hand(package):
    """One picture at a time, in evaluation mode; statistics and mode stay as they were."""
    dataset, network = few_shapes(package), tiny_network(package)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
    expected = copy.deepcopy(network).eval()
    losses, wrong = [], 0
    normalise = part(package, "data").normalise
    for image, label in zip(dataset.test.images, dataset.test.labels, strict=True):
        with torch.no_grad():
            answer = expected(normalise(image[None], dataset.mean, dataset.std))
        losses.append(F.cross_entropy(answer, label[None]).item())
        wrong += answer.argmax().item() != label.item()
    for training in (True, False):
        network.train(training)
        score = part(package, "evaluate").evaluate(network, dataset.test, dataset.mean, dataset.std)
        assert score.error == pytest.approx(100 * wrong / 100)
        assert score.loss == pytest.approx(sum(losses) / 100, rel=1e-4)
        assert all(module.training == training for module in network.modules())
    for name, value in expected.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def check_batches_of_an_evaluation_do_not_matter(package):
    dataset, network = few_shapes(package), tiny_network(package)
    answer = part(package, "evaluate").logits
    whole, pieces = (
        answer(network, dataset.test.images, dataset.mean, dataset.std, batch) for batch in (100, 7)
    )
    assert_close(whole, pieces, rtol=1e-4, atol=1e-5)
    assert not whole.requires_grad
    with pytest.raises(ValueError, match="no pictures to evaluate"):
        answer(network, dataset.test.images[:0], dataset.mean, dataset.std)


# Checkpoints and records


def about(package, **changes):
    values = {
        "network": "resnet20",
        "classes": tuple("abcdefghij"),
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4),
        "dataset": "shapes",
        "fingerprint": "0123456789abcdef",
        "recipe": "tiny",
        "seed": 7,
        "iteration": 6,
    }
    return part(package, "checkpoint").About(**(values | changes))


def check_checkpoint_round_trip(package, folder):
    """Weights to the bit, statistics and metadata; whatever memory format trained them."""
    checkpoint = part(package, "checkpoint")
    network = package.resnet20("B").to(memory_format=torch.channels_last).train()
    network(torch.randn(4, 3, 8, 8))  # moves the statistics
    written = about(package, network="resnet20-B")
    checkpoint.save_checkpoint(folder / "it.safetensors", network, written)
    again, read = checkpoint.load_checkpoint(folder / "it.safetensors")
    assert read == written and not again.training
    assert list(again.state_dict()) == list(network.state_dict())
    for mine, other in zip(again.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(mine, other) and mine.dtype == other.dtype


def check_a_flipped_bit(package, folder):
    """In a weight, where the file's form does not show it, or in what is said of the weights."""
    checkpoint, path = part(package, "checkpoint"), folder / "it.safetensors"
    checkpoint.save_checkpoint(path, package.resnet20(), about(package))
    whole = path.read_bytes()
    for place in (len(whole) // 2, whole.index(b"seed") + 8):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="it.safetensors is damaged: it is not what was wri"):
            checkpoint.load_checkpoint(path)


def check_a_failed_write_keeps_the_old_file(package, folder):
    """Where the last move fails, the old file stands and nothing lies beside it."""
    checkpoint, path = part(package, "checkpoint"), folder / "it.safetensors"
    path.write_bytes(b"old")
    with (
        patch.object(os, "replace", side_effect=OSError("the disk is full")),
        pytest.raises(OSError, match="the disk is full"),
    ):
        checkpoint.save_checkpoint(path, package.resnet20(), about(package))
    assert path.read_bytes() == b"old"
    assert [file.name for file in folder.iterdir()] == [path.name]


def write_tiny_run(package, root, training=None):
    """A run of six iterations with its record; (run, its training)."""
    training, records = training or tiny_training(package), part(package, "records")
    training.run(on_evaluation=silent)
    folder = records.prepare(root, records.run_name("resnet20", "shapes", "tiny", 7))
    computed = {
        "speed": {"precision": "float32", "compiled": False},
        "resumed_at": [3, 4],
        "machines": [{"since": 0, **records.machine(torch.device("cpu"))}],
    }
    return records.write_run(folder, training, about(package), "drawn", computed), training


def check_records_round_trip(package, folder):
    run, training = write_tiny_run(package, folder)
    assert run.name == "resnet20-shapes-tiny-s7" and run.folder.parent == folder / "runs"
    files = {path.name for path in folder.glob("runs/*/*")}
    assert files - {"best.safetensors"} == {"last.safetensors", "metrics.csv", "record.json"}
    for read, written in zip(run.metrics, training.metrics, strict=True):
        assert isinstance(read.iteration, int) and read.iteration == written.iteration
        assert vars(read) == pytest.approx(vars(written), rel=1e-5)
    last, record = training.metrics[-1], run.record
    assert run.test_error == record["results"]["last"]["test_error"] == last.test_error
    assert record["pictures_seen"] == 6 * 16
    assert record["parameters"] == sum(p.numel() for p in training.network.parameters())
    assert record["results"]["last"] == {
        name: getattr(last, name)
        for name in ("iteration", "train_error", "validation_error", "test_error", "test_loss")
    }
    assert record["recipe"]["milestones"] == [2] and record["seed"] == 7
    assert record["resumed_at"] == [3, 4] and record["speed"]["precision"] == "float32"
    records = part(package, "records")
    assert records.read_runs(folder) == [records.read_run(run.folder)] == [run]


def check_best_on_validation(package, folder):
    """The earliest of the best evaluations, with its weights; the last iterate stands beside it."""
    training = tiny_training(package, iterations=5, evaluate_every=1)
    errors = iter([50.0, 30.0, 40.0, 30.0, 60.0])
    weights, scored = [], part(package, "evaluate").Score

    def evaluate(network, pictures, *_):
        if pictures is training.validation:
            weights.append(copy.deepcopy(network.state_dict()))
            return scored(1.0, next(errors))
        return scored(1.0, 20.0)

    with patch.object(part(package, "train"), "evaluate", evaluate):
        run, _ = write_tiny_run(package, folder, training)
    results = run.record["results"]
    assert (results["last"]["iteration"], results["last"]["validation_error"]) == (5, 60.0)
    best = results["best_on_validation"]
    assert (best["iteration"], best["validation_error"]) == (2, 30.0)
    for name, expected, iteration in (("best", weights[1], 2), ("last", weights[4], 5)):
        tensors, metadata = part(package, "checkpoint").read_tensors(
            run.folder / f"{name}.safetensors"
        )
        assert all(torch.equal(tensors[key], value) for key, value in expected.items())
        if name == "best":
            assert f'"iteration": {iteration}' in metadata["resnet_edu"]


def check_records_are_not_overwritten(package, folder):
    run, *_ = write_tiny_run(package, folder)
    before = run.checkpoint.read_bytes()
    with pytest.raises(FileExistsError, match="is there already; choose another --seed"):
        part(package, "records").prepare(folder, run.name)
    assert run.checkpoint.read_bytes() == before


def check_large_checkpoints_stay_out_of_the_record(package, folder):
    """They are not lost: they lie in a folder beside, and are found there."""
    records = part(package, "records")
    with patch.object(records, "LARGEST", 1000):
        run, training = write_tiny_run(package, folder)
    assert not list(run.folder.glob("*.safetensors"))
    assert run.checkpoint.parent == folder / "large" / run.name
    weights, _ = part(package, "checkpoint").read_tensors(run.checkpoint)
    assert all(torch.equal(weights[n], v) for n, v in training.network.state_dict().items())
    checkpoint_at = part(package, "commands.evaluate").checkpoint_at
    with pytest.raises(ValueError, match="the weights in .*large.* are not those of resnet20"):
        checkpoint_at(run.folder)  # found, and those of a tiny network
    run.checkpoint.unlink()  # as in somebody else's copy of the records
    with pytest.raises(FileNotFoundError, match="are not here: those over 4 MB stay in .*large"):
        checkpoint_at(run.folder)


def check_half_a_record_is_none(package, folder):
    """What a killed process was writing is no run, and does not keep others from being read."""
    records = part(package, "records")
    run, *_ = write_tiny_run(package, folder)
    shutil.copytree(run.folder, run.folder.with_name(f".{run.name}-half"))
    assert [found.name for found in records.read_runs(folder)] == [run.name]
    whole = (run.folder / "record.json").read_bytes()
    (run.folder / "record.json").write_text('{"format": ')
    with pytest.raises(ValueError, match=f"the record in .*{run.name} cannot be read: Expecting"):
        records.read_runs(folder)
    (run.folder / "record.json").write_bytes(whole)
    (run.folder / "metrics.csv").write_text("iteration,epoch\n1,0.1\n")
    with pytest.raises(ValueError, match=f"the record in .*{run.name} cannot be read: 'learning_"):
        records.read_runs(folder)


def check_a_failed_record_leaves_nothing(package, folder):
    with (
        patch.object(os, "rename", side_effect=OSError("the disk is full")),
        pytest.raises(OSError, match="the disk is full"),
    ):
        write_tiny_run(package, folder)
    assert list((folder / "runs").iterdir()) == []


def check_changed_recipe(package):
    """Another length keeps the turns of the schedule in place; the name tells of both changes."""
    changed = part(package, "commands.train").changed
    paper = part(package, "recipes").by_name("paper")
    shorter = changed(paper, 640, 64)
    assert shorter.name == "paper-640it-b64"
    assert (shorter.iterations, shorter.milestones, shorter.batch) == (640, (320, 480), 64)
    assert shorter.evaluate_every == 640
    assert changed(paper, None, None) == changed(paper, 64_000, 128) == paper
