"""What must hold of predictions: the right class for every picture, under its id, or an error."""

import contextlib
import copy
import errno
import io
import json
import os
import pickle
import re
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from . import part, training
from .pictures import few_shapes
from .sources import encoded, python2_pickle, write_folder, write_tar, write_zip

MEAN, STD = (0.2, 0.5, 0.7), (0.5, 0.1, 0.3)  # whoever takes others answers otherwise
COUNT = 20


def shown(package, count=COUNT):
    """uint8 (count, 3, 32, 32): pictures that a network tells apart."""
    return part(package, "data.shapes").draw_pictures(count)[0]


def normalised(images):
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (images / 255 - mean) / std


def telling(network, images):
    """The network, so changed that its answers to these pictures are of many classes."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # one pass then sets the statistics
    with torch.no_grad():
        network(normalised(images))
        network.eval()
        answers = network(normalised(images))
        network.head[-1].weight /= answers.std(0)[:, None]
        network.head[-1].bias.zero_()
        network.head[-1].bias -= network(normalised(images)).mean(0)
    return network


def by_hand(network, images):
    """Classes one picture at a time, in evaluation mode."""
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        labels = [network(normalised(image[None])).argmax().item() for image in images]
    assert len(set(labels)) >= 5, "the pictures are not told apart"
    return labels


def write_checkpoint(package, folder, **changes):
    """(path, labels of `shown`): a checkpoint of ResNet-20 that tells the pictures apart."""
    network = telling(package.resnet20(), shown(package))
    about = training.about(package, mean=MEAN, std=STD, **changes)
    part(package, "checkpoint").save_checkpoint(folder / "it.safetensors", network, about)
    return folder / "it.safetensors", by_hand(network, shown(package))


def run(package, *arguments):
    """Exit code, stdout and stderr of `resnet-edu predict`, on the CPU."""
    words = ["predict", *map(str, arguments), "--device", "cpu"]
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = part(package, "__main__").main(words)
    return code, out.getvalue(), err.getvalue()


def rows(ids, labels):
    """The file as it must be, to the byte."""
    return "".join(f"{i},{j}\n" for i, j in [("Id", "Label"), *zip(ids, labels, strict=True)])


def failed(package, *arguments):
    """The one line on stderr; nothing on stdout, exit code 1."""
    code, out, err = run(package, *arguments)
    assert (code, out) == (1, "") and err.startswith("resnet-edu: "), (code, out, err)
    return err


# The classes


def check_predictions_equal_a_loop_by_hand(package):
    """In pieces of 7, out of training mode; the network is left as it was found."""
    images = shown(package)
    network = telling(training.tiny_network(package), images)
    expected, before = by_hand(network, images), copy.deepcopy(network.state_dict())
    module = part(package, "predict")
    for mode in (True, False):
        network.train(mode)
        with patch.object(module, "AT_ONCE", 7):
            predicted = module.predict(network, images, MEAN, STD)
        assert predicted.dtype == torch.int64 and predicted.tolist() == expected
        assert all(part.training == mode for part in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def check_what_cannot_be_predicted(package):
    network, predict = training.tiny_network(package), part(package, "predict").predict
    with pytest.raises(ValueError, match="there are no pictures"):
        predict(network, shown(package)[:0], MEAN, STD)
    nn.init.constant_(network.head[-1].bias, float("nan"))
    with pytest.raises(ArithmeticError, match="not finite: its weights are damaged"):
        predict(network, shown(package), MEAN, STD)


# The file


def check_the_file(package, folder):
    """Every byte; with names; and over what stands there, whole or not at all."""
    write = part(package, "predict").write_predictions
    path, ids, labels = folder / "p.csv", torch.tensor([12, 5, 10**17]), torch.tensor([9, 0, 3])
    write(path, ids, labels)
    assert path.read_bytes() == b"Id,Label\n12,9\n5,0\n100000000000000000,3\n"
    write(path, ids, labels, ["a", "b", "c", 'd, "e"', *"efghij"])
    assert path.read_bytes() == b'Id,Label\n12,j\n5,a\n100000000000000000,"d, ""e"""\n'
    before = path.read_bytes()
    full = OSError(errno.ENOSPC, "No space left on device")
    for name in ("fsync", "replace"):
        with (
            patch.object(os, name, side_effect=full),
            pytest.raises(OSError, match="p.csv: No space left on device; it is as it was before"),
        ):
            write(path, ids, labels)
        assert path.read_bytes() == before and list(folder.iterdir()) == [path]
    with pytest.raises(ValueError):
        write(path, ids[:2], labels)
    (folder / "link.csv").symlink_to(path)
    write(folder / "link.csv", ids[:1], labels[:1])
    assert (folder / "link.csv").is_symlink() and path.read_bytes() == b"Id,Label\n12,9\n"


def check_places(package, folder):
    """Over predictions and empty files, over nothing else; not among the pictures."""
    check = part(package, "predict").check_place
    pictures = folder / "pictures"
    pictures.mkdir()
    files = {"old.csv": b"Id,Label\n1,2\n", "dos.csv": b"Id,Label\r\n1,2\r\n", "empty": b""}
    others = {"a.safetensors": b"weights", "b.csv": b"Id,Labels\n", "c.csv": b"\nId,Label\n"}
    for name, content in (files | others).items():
        (folder / name).write_bytes(content)
        (pictures / name).write_bytes(content)
    for name in (*files, "new.csv"):
        check(folder / name)
        check(folder / name, pictures)
        with pytest.raises(ValueError, match=f"{name} would lie among the pictures; name an out"):
            check(pictures / name, pictures)
    os.mkfifo(folder / "pipe")
    for name in (*others, "pictures", "pipe"):
        with pytest.raises(FileExistsError, match=f"{name} is there and holds no predictions"):
            check(folder / name)
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere for p.csv; make it"):
        check(folder / "nowhere" / "p.csv")
    refusal = OSError(errno.EROFS, "Read-only file system")
    with (
        patch("tempfile.TemporaryFile", side_effect=refusal),
        pytest.raises(OSError, match="cannot write to .*: Read-only file system"),
    ):
        check(folder / "new.csv")


# The pictures in all their forms


def forms(folder, images):
    """(source, ids, labels or None) of the same pictures in every form."""
    pixels, count = images.numpy(), len(images)
    in_rows = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    flat, places = pixels.reshape(count, -1), list(range(count))
    # 98, 99, 100 …: by name 100 would come before 98.
    numbered = {f"{98 + i}.png": encoded(image) for i, image in enumerate(in_rows)}
    ids = [98 + i for i in places]
    named = {f"p/{name.replace('.', 'th.')}": content for name, content in numbered.items()}
    known = np.array([i % 10 for i in places])
    own = np.array(ids[::-1], dtype=np.int32)
    np.save(folder / "a.npy", pixels)
    np.save(folder / "b.npy", np.asfortranarray(in_rows))
    np.savez(folder / "c.npz", in_rows)
    np.savez_compressed(folder / "d.npz", other=np.zeros(3), images=pixels, ids=own, labels=known)
    np.savez(folder / "e.npz", pictures=pixels, ids=own)
    (folder / "test_batch").write_bytes(python2_pickle({"data": flat, "labels": known.tolist()}))
    (folder / "blind").write_bytes(pickle.dumps({b"data": flat}))
    (folder / "contest").write_bytes(pickle.dumps({"data": in_rows, "ids": own}))
    return [
        (write_folder(folder / "numbered", numbered), ids, None),
        (write_zip(folder / "numbered.zip", numbered), ids, None),
        (write_tar(folder / "named.tgz", named), places, None),
        (folder / "a.npy", places, None),
        (folder / "b.npy", places, None),
        (folder / "c.npz", places, None),
        (folder / "d.npz", own.tolist(), known),
        (folder / "e.npz", own.tolist(), None),
        (folder / "test_batch", places, known),
        (folder / "blind", places, None),
        (folder / "contest", own.tolist(), None),
    ]


def check_every_form_gives_the_same(package, folder):
    """The class of each picture under its id, and the error where labels are known."""
    checkpoint, labels = write_checkpoint(package, folder)
    output = folder / "p.csv"
    for source, ids, known in forms(folder, shown(package)):
        code, out, err = run(package, checkpoint, source, "--output", output)
        assert (code, err) == (0, ""), err
        assert output.read_text() == rows(ids, labels), source
        error = "" if known is None else f"error {100 * np.mean(known != labels):.2f} %, "
        said = f"{COUNT} pictures of {source}: {error}predictions in {output}\n"
        assert out == f"resnet20-shapes-tiny-s7 after 6 iterations on {said}"
    pictures = [encoded(image.permute(1, 2, 0).numpy()) for image in shown(package)[:2]]
    mixed = write_folder(folder / "mixed", dict(zip(("7.png", "x8.png"), pictures, strict=True)))
    code, _, err = run(package, checkpoint, mixed, "--output", output)
    assert code == 0 and err.startswith("note: Id is the place in the") and err.count("\n") == 1
    assert output.read_text() == rows([0, 1], labels[:2])
    names = "abcdefghij"
    assert run(package, checkpoint, source, "--output", output, "--names")[0] == 0
    assert output.read_text() == rows(ids, [names[label] for label in labels])


def check_the_test_set(package, folder):
    """The checkpoint's own dataset, under its own ids; the error is that of `evaluate`."""
    dataset = few_shapes(package)
    given = replace(dataset, test_ids=torch.arange(100).flip(0) + 7)
    checkpoint, _ = write_checkpoint(package, folder, fingerprint=dataset.fingerprint)
    network, _ = part(package, "checkpoint").load_checkpoint(checkpoint)
    labels = by_hand(network, dataset.test.images)
    error = 100 * np.mean(dataset.test.labels.numpy() != labels)
    with patch.object(part(package, "data"), "load", lambda name: given):
        code, out, err = run(package, checkpoint, "--output", folder / "p.csv")
        assert (code, err) == (0, "")
        assert f"on 100 test pictures of shapes: error {error:.2f} %, predictions in" in out
        assert (folder / "p.csv").read_text() == rows(range(106, 6, -1), labels)
        score = part(package, "evaluate").evaluate(network, dataset.test, MEAN, STD)
        assert score.error == pytest.approx(error)
        other, _ = write_checkpoint(package, folder, fingerprint="another")
        code, _, err = run(package, other, "--output", folder / "p.csv")
        assert code == 0 and "note: trained on shapes another, tested on" in err


def check_labels_that_are_no_classes(package, folder):
    """Contests put −1 where a label is not told: predictions are made, no error is claimed."""
    checkpoint, labels = write_checkpoint(package, folder)
    for wrong in (-1, 10):
        known = np.full(COUNT, wrong)
        np.savez(folder / "a.npz", images=shown(package).numpy(), labels=known)
        code, out, err = run(package, checkpoint, folder / "a.npz", "--output", folder / "p.csv")
        assert code == 0 and "error" not in out
        assert f"note: the labels run from {wrong} to {wrong}, where the checkpoint has" in err
        assert (folder / "p.csv").read_text() == rows(range(COUNT), labels)


def check_fine_labels(package, folder):
    """A checkpoint of CIFAR-100 finds the labels where CIFAR-100 keeps them."""
    checkpoint, _ = write_checkpoint(package, folder, dataset="cifar100")
    flat = shown(package).numpy().reshape(COUNT, -1)
    (folder / "test").write_bytes(python2_pickle({"data": flat, "fine_labels": [1] * COUNT}))
    code, out, _ = run(package, checkpoint, folder / "test", "--output", folder / "p.csv")
    assert code == 0 and "error " in out


# What is refused


def bad_arrays(pixels):
    """Name, what numpy saves, and what the error must say."""
    bytes_ = "pictures must be uint8, 0 to 255"
    floats, objects = pixels.astype(np.float32), np.array([{"a": 1}], dtype=object)
    shape = r"pictures must be \(N, 3, 32, 32\) or \(N, 32, 32, 3\)"
    return [
        ("unit", floats / 255, rf"float32; {bytes_}: save numpy.round\(255 \* array\).astype"),
        ("floats", floats, rf"float32; {bytes_}: save numpy.round\(array\).astype"),
        ("int64", pixels.astype(np.int64), rf"int64; {bytes_}: save numpy.round\(array\)"),
        ("normal", floats / 99 - 1, f"{bytes_}, as they were before they were normalised"),
        ("nan", floats * np.nan, f"{bytes_}, as they were before they were normalised"),
        ("text", np.array(["a", "b"]), f"<U1; {bytes_}"),
        ("objects", objects, "cannot be read as arrays: it holds Python objects, which may run"),
        ("one", pixels[0], rf"shape \(3, 32, 32\); {shape}; for one picture, save array\[None\]"),
        ("wide", pixels[:, :, :, :31], rf"shape \(20, 3, 32, 31\); {shape}$"),
        ("grey", pixels[:, 0], rf"shape \(20, 32, 32\); {shape}$"),
        ("scalar", pixels[0, 0, 0, 0], rf"shape \(\); {shape}$"),
        ("nothing", pixels[:0], "nothing to predict: there are no pictures of .*nothing.npy"),
    ]


def bad_archives(pixels):
    """Name, what numpy saves as .npz, and what the error must say."""
    numbers = "must be 20 whole numbers"
    return [
        ("two", {"a": pixels, "b": pixels}, "it holds the arrays a, b, and the one with the pic"),
        ("none", {"ids": np.arange(20)}, "it holds the arrays ids, and the one with"),
        ("empty", {}, r"it holds the arrays \(none\), and the one with"),
        ("few", {"images": pixels, "ids": np.arange(19)}, rf"'ids' {numbers}.* shape \(19,\)"),
        ("half", {"images": pixels, "ids": np.arange(20) / 2}, f"'ids' {numbers}.*float64"),
        ("label", {"images": pixels, "labels": np.arange(21)}, f"'labels' {numbers}"),
        ("twice", {"images": pixels, "ids": np.zeros(20, int)}, "the id 0 stands for more than"),
        ("object", {"images": pixels, "ids": np.array([None] * 20)}, "it holds Python objects"),
    ]


def bad_files(folder, pixels):
    """(source, what the error must say) of files that are no pictures."""
    np.save(folder / "good.npy", pixels)
    np.savez(folder / "good.npz", pixels)
    npy, npz = ((folder / name).read_bytes() for name in ("good.npy", "good.npz"))
    grey, small = encoded(pixels[0, 0]), encoded(np.zeros((28, 28, 3), np.uint8))
    flat = pixels.reshape(len(pixels), -1)
    huge = npy.replace(b"(20, 3, 32, 32), }      ", b"(3000000000, 3, 32, 32),}")
    again, forms = "cannot be read as arrays: .*; take another copy, or save", "; pictures must be"
    files = {
        "cut.npy": (npy[:-9], again),
        "head.npy": (npy[:40], again),
        "empty.npy": (b"", again),
        "huge.npy": (huge, again),
        "bracket.npy": (npy.replace(b")", b"(", 1), again),
        "pickle.npy": (pickle.dumps([1]), "it holds Python objects, which may run code"),
        "words.npy": (b"no array", "it holds Python objects"),
        "cut.npz": (npz[: len(npz) // 2], again),
        "damaged.npz": (npz[:5000] + b"12345" + npz[5005:], again),
        "cat.jpg": (encoded(pixels[0, 0], "JPEG"), f"cat.jpg cannot be read as an off.*{forms}"),
        "batch": (b"", f"batch cannot be read as an official batch.*{forms}"),
        "evil": (b"cos\nsystem\n(U\x04truetR.", f"evil .* asks for os.system.*{forms}"),
        "long": (python2_pickle({"data": flat[:, :9]}), r"long: .*\(N, 3072\).*"),
        "cut.zip": (b"PK\x03\x04", "cut.zip: .* cannot be read"),
    }
    for name, (content, words) in files.items():
        (folder / name).write_bytes(content)
        yield folder / name, words
    for name, inside, words in (
        ("grey", {"1.png": grey}, "1.png is 32×32 L; pictures must be 32×32 RGB: convert it first"),
        ("small", {"1.png": small}, "1.png is 28×28 RGB; pictures must be 32×32 RGB"),
        ("notes", {"a.txt": b"text"}, "a.txt cannot be read as a picture: .*; remove it"),
        ("hidden", {".a": b"text"}, "hidden holds no picture"),
        ("notebook", {".ipynb_checkpoints/1.png": small}, "notebook holds no picture"),
    ):
        yield write_folder(folder / name, inside), words
    yield folder / "nowhere", "there are no pictures at .*nowhere; name a folder, zip or tar"


def check_bad_pictures(package, folder):
    """One line that says what is wrong; no half file, and what stood there still stands."""
    checkpoint, _ = write_checkpoint(package, folder)
    pixels = shown(package).numpy()
    sources = list(bad_files(folder, pixels))
    for name, array, words in bad_arrays(pixels):
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
        sources.append((folder / f"{name}.npy", words))
    for name, arrays, words in bad_archives(pixels):
        np.savez(folder / f"{name}.npz", **arrays)
        sources.append((folder / f"{name}.npz", words))
    places = folder / "places"
    places.mkdir()
    old = places / "old.csv"
    old.write_text("Id,Label\n")
    for source, words in sources:
        for output in (old, places / "new.csv"):
            said = failed(package, checkpoint, source, "--output", output)
            assert re.search(words, said), f"{source.name}: {said}"
            assert (source.is_dir() or source.name in said) and said.count("\n") == 1, said
    assert list(places.iterdir()) == [old] and old.read_text() == "Id,Label\n"
    with patch.object(np, "load", side_effect=PermissionError(errno.EACCES, "Permission denied")):
        said = failed(package, checkpoint, folder / "good.npy", "--output", old)
    assert "good.npy cannot be read as arrays: [Errno 13] Permission denied" in said


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def check_arrays_run_nothing(package, folder):
    """A pickle in place of an array, an array of objects, alone and among others, as ids."""
    runs = Runs(folder / "marker")
    (folder / "a.npy").write_bytes(pickle.dumps(runs))
    np.save(folder / "b.npy", np.array([runs]), allow_pickle=True)
    np.savez(folder / "c.npz", images=np.array([runs]))
    np.savez(folder / "d.npz", images=shown(package).numpy(), ids=np.array([runs]))
    for path in sorted(folder.glob("*.np?")):
        with contextlib.suppress(Exception):  # what is said, `check_bad_pictures` looks at
            part(package, "predict").read_unseen(path)
        assert not runs.marker.exists(), path.name


def check_no_test_pictures(package, folder):
    """A dataset that is not at hand, or whose test set is empty."""
    dataset = few_shapes(package)
    output, loader = folder / "p.csv", part(package, "data")
    checkpoint, _ = write_checkpoint(package, folder, fingerprint=dataset.fingerprint)
    empty = replace(dataset, test=dataset.test[:0], test_ids=dataset.test_ids[:0])
    with patch.object(loader, "load", lambda name: empty):
        said = failed(package, checkpoint, "--output", output)
    assert "nothing to predict: there are no test pictures of shapes" in said
    checkpoint, _ = write_checkpoint(package, folder, dataset="cifar10")
    with patch.dict(os.environ, {"RESNET_EDU_DATA": "", "RESNET_EDU_CACHE": str(folder / "no")}):
        said = failed(package, checkpoint, "--output", output)
    assert "CIFAR-10 is not at hand" in said and not output.exists()


def check_inputs_are_never_overwritten(package, folder):
    """Neither the checkpoint nor the pictures, by whatever name; and a full disk costs nothing."""
    checkpoint, _ = write_checkpoint(package, folder)
    np.save(folder / "a.npy", shown(package).numpy())
    (folder / "link").symlink_to(folder / "a.npy")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for output in (checkpoint, folder / "a.npy", folder / "link", folder / "." / "a.npy"):
        said = failed(package, checkpoint, folder / "a.npy", "--output", output)
        assert "is there and holds no predictions; name another output" in said
    with patch.object(os, "fsync", side_effect=OSError(errno.ENOSPC, "No space left on device")):
        said = failed(package, checkpoint, folder / "a.npy", "--output", folder / "p.csv")
    assert "p.csv: No space left on device" in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def check_checkpoints_that_are_none(package, folder):
    """Not there, damaged, of another kind, the state of a run under way, not kept."""
    checkpoint, _ = write_checkpoint(package, folder)
    np.save(folder / "a.npy", shown(package).numpy())
    whole = checkpoint.read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "text.safetensors").write_bytes(b"something else")
    resume = part(package, "resume")
    about, of_run = {"network": "resnet20"}, training.tiny_training(package)
    of_run.run(training.silent)
    resume.save_state(folder / "state.safetensors", of_run, about)
    (folder / "run").mkdir()
    (folder / "big").mkdir()
    (folder / "big" / "record.json").write_text(json.dumps({}))
    for name, words in (
        ("nowhere", "there is no checkpoint at .*nowhere"),
        ("run", "there is no checkpoint at .*run/last.safetensors"),
        ("big", "the weights of the run in .*big are not here: those over 4 MB"),
        ("cut.safetensors", "cut.safetensors is no whole safetensors file"),
        ("text.safetensors", "text.safetensors is no whole safetensors file"),
        ("a.npy", "a.npy is no whole safetensors file"),
        (
            "state.safetensors",
            "no checkpoint, but the state of a run under way: resnet20 after 6 iterations; `train` "
            "goes on .* the checkpoint that was best so far is .*state-best.safetensors",
        ),
    ):
        said = failed(package, folder / name, folder / "a.npy", "--output", folder / "p.csv")
        assert re.search(words, said), said
    assert not (folder / "p.csv").exists()
