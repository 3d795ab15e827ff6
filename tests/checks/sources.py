"""What must hold of sources: archives, class folders, official batches, ids, and the cache."""

import errno
import io
import os
import struct
import tarfile
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

from . import part

# Pictures and files to read


def picture(number):
    """uint8 (32, 32, 3), another one for every number."""
    return np.random.RandomState(number).randint(0, 256, (32, 32, 3), dtype=np.uint8)


def encoded(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def tiny_folders(classes=("ant", "bee"), each=3):
    """{path: bytes} of a whole little dataset; picture numbers run 8, 9, 10 in a class."""
    return {
        f"{part}/{name}/{number}.png": encoded(picture(hash_of(part, name, number)))
        for part in ("train", "test")
        for name in classes
        for number in range(11 - each, 11)
    }


def hash_of(*words):
    return sum(ord(letter) for word in words for letter in str(word))


def tiny(package, **changes):
    """CIFAR-10 as if it had two classes, six training pictures in two batches, and six to test."""
    return replace(
        part(package, "data.cifar").CIFAR10,
        **{"classes": ("ant", "bee"), "train": 6, "test": 6, "fingerprint": None}
        | {"train_files": ("data_batch_1", "data_batch_2")}
        | changes,
    )


def pixels_of(first, count):
    """uint8 (count, 3072): pictures `first`, `first` + 1 … as batches have them."""
    numbers = range(first, first + count)
    return np.stack([picture(number).transpose(2, 0, 1).reshape(-1) for number in numbers])


def tiny_batches():
    """{path: bytes} of what `tiny` expects: training pictures 0 to 5, test pictures 6 to 11."""
    return {
        "cifar-10-batches-py/batches.meta": python2_pickle({"label_names": ["ant", "bee"]}),
        "cifar-10-batches-py/data_batch_2": python2_pickle(
            {"data": pixels_of(4, 2), "labels": [0, 1]}
        ),
        "cifar-10-batches-py/data_batch_1": python2_pickle(
            {"batch_label": "1 of 2", "data": pixels_of(0, 4), "labels": [1, 1, 0, 0]}
        ),
        "cifar-10-batches-py/test_batch": python2_pickle(
            {"data": pixels_of(6, 6), "labels": [0, 1, 0, 1, 1, 0]}
        ),
        "cifar-10-batches-py/readme.html": b"not read",
    }


def python2_pickle(entries):
    """A dictionary as Python 2 and its NumPy pickled it: protocol 2, texts as bytes."""
    return b"\x80\x02" + python2_value(entries) + b"."


def python2_value(value):
    match value:
        case str():
            return b"U" + bytes([len(value)]) + value.encode()
        case int():
            return b"J" + struct.pack("<i", value)
        case list():
            return b"](" + b"".join(map(python2_value, value)) + b"e"
        case dict():
            pairs = (python2_value(k) + python2_value(v) for k, v in value.items())
            return b"}(" + b"".join(pairs) + b"u"
        case np.ndarray():
            shape = b"(" + b"".join(map(python2_value, value.shape)) + b"t"
            code = value.dtype.str[1:].encode()
            content = value.tobytes()
            return (
                b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
                b"(K\x01" + shape + b"cnumpy\ndtype\nU\x02" + code + b"K\x00K\x01\x87R"
                b"(K\x03U\x01" + value.dtype.str[:1].encode() + b"NNN"
                b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
                b"T" + struct.pack("<i", len(content)) + content + b"tb"
            )
    raise AssertionError(value)


def write_folder(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files):
    """A tar, compressed as its name says."""
    how = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}
    with tarfile.open(path, how[path.suffix]) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    if how[path.suffix] == "w:gz":
        # The time in gzip's head is set to 0: the same files must give the same bytes.
        whole = path.read_bytes()
        path.write_bytes(whole[:4] + bytes(4) + whole[8:])
    return path


# Class folders


def linked(folder, whole):
    """A folder whose subfolders are links to those of `whole`, one of which has a link back."""
    folder.mkdir()
    for part_name in ("train", "test"):
        (folder / part_name).symlink_to(whole / part_name)
    (whole / "train" / "ant" / "back").symlink_to(whole)
    return folder


def check_class_folders(package, folder):
    """Labels, natural order and every pixel, from folder, zip and tar, PNG and lossless WebP."""
    read, known = part(package, "data.sources").read_source, tiny(package)
    files = tiny_folders()
    for name in list(files)[::2]:
        pixels = np.asarray(Image.open(io.BytesIO(files.pop(name))))
        files[name.replace(".png", ".webp")] = encoded(pixels, "WEBP", lossless=True)
    files["train/ant/.DS_Store"] = b"not read"
    for source, kind in (
        (write_folder(folder / "folder", files), "folder"),
        (linked(folder / "linked", folder / "folder"), "folder"),
        (write_zip(folder / "a.zip", files), "zip"),
        (write_zip(folder / "b.zip", {f"some/where/{name}": files[name] for name in files}), "zip"),
        (write_tar(folder / "c.tar", files), "tar"),
        (write_tar(folder / "d.tgz", files), "tar"),
        (write_tar(folder / "e.tar.xz", files), "tar"),
    ):
        try:
            found = read(source, known)
        except ValueError as error:
            pytest.fail(str(error))
        assert found.kind == f"class folders in a {kind}"
        for part_name, (images, labels) in (("train", found.train), ("test", found.test)):
            assert labels.tolist() == [0, 0, 0, 1, 1, 1] and labels.dtype == torch.int64
            assert images.shape == (6, 3, 32, 32) and images.is_contiguous()
            places = [(name, number) for name in ("ant", "bee") for number in (8, 9, 10)]
            for image, place in zip(images, places, strict=True):
                expected = picture(hash_of(part_name, *place)).transpose(2, 0, 1)
                assert np.array_equal(image.numpy(), expected)
        assert found.test_ids.tolist() == [0, 1, 2, 3, 4, 5]  # 8, 9, 10 stand twice


def check_ids(package, folder):
    """Stems where all are whole numbers and differ, else positions."""
    ids_of = part(package, "data.sources").ids_of
    for names, ids in (
        (["a/9.png", "a/10.png", "b/007.webp"], [9, 10, 7]),
        (["a/9.png", "b/9.png"], [0, 1]),
        (["a/9.png", "a/x9.png"], [0, 1]),
        (["a/9.png", "a/09.png"], [0, 1]),
        (["a/9.png", "a/²3.png"], [0, 1]),
        (["9.png", "-8.png"], [0, 1]),
        (["9.png", f"{10**30}.png"], [0, 1]),
        ([], []),
    ):
        found = ids_of(names)
        assert found.tolist() == ids and found.dtype == torch.int64
    files = tiny_folders()
    for i, name in enumerate(n for n in list(files) if n.startswith("test")):
        files[f"{name.rpartition('/')[0]}/{100 - i}.png"] = files.pop(name)
    found = part(package, "data.sources").read_source(write_folder(folder, files), tiny(package))
    assert found.test_ids.tolist() == [98, 99, 100, 95, 96, 97]


def check_pictures_alone(package, folder):
    """A folder of pictures: natural order, ids, every pixel; errors with a name."""
    read = part(package, "data").read_pictures
    files = {f"some/{n}.png": encoded(picture(n)) for n in (10, 9, 100)}
    for source in (write_folder(folder / "p", files), write_tar(folder / "p.tgz", files)):
        images, ids = read(source)
        assert ids.tolist() == [9, 10, 100] and images.dtype == torch.uint8
        for image, number in zip(images, (9, 10, 100), strict=True):
            assert np.array_equal(image.numpy(), picture(number).transpose(2, 0, 1))
    for mixed, alone, which in (
        ({"a/9.png": 9, "a/x10.png": 10}, "a/x10.png", "1 of 2"),
        ({"a/9.png": 9, "b/9.png": 10, "c/2x.png": 11}, "b/9.png", "2 of 3"),
    ):
        files = {name: encoded(picture(number)) for name, number in mixed.items()}
        said = f"Id is the place .* {alone} has none of its own .such files: {which}."
        with pytest.warns(UserWarning, match=said):
            assert read(write_folder(folder / which, files))[1].tolist() == [*range(len(mixed))]
    files = {name: encoded(picture(9)) for name in ("some.png", "other.png")}
    assert read(write_folder(folder / "names", files))[1].tolist() == [0, 1]
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no picture"):
        read(folder / "empty")
    with pytest.raises(FileNotFoundError, match="there is no folder, zip or tar at .*nowhere"):
        read(folder / "nowhere")
    (folder / "p" / "list.csv").write_text("Id,Label")
    with pytest.raises(ValueError, match="list.csv cannot be read as a picture: .*; remove it"):
        read(folder / "p")


def bad_sources():
    """Name, {path: bytes} and what the error must say."""
    whole, name = tiny_folders(), "train/ant/9.png"
    narrow, grey = picture(0)[:, :31], picture(0)[:, :, 0]
    palette = io.BytesIO()
    Image.fromarray(picture(0)).convert("P").save(palette, "PNG")
    without = {path: content for path, content in whole.items() if "test/bee" not in path}
    return [
        ("missing", without, "test/ needs one folder a class; missing: bee; unknown: none"),
        (
            "unknown",
            whole | {"train/cow/1.png": whole[name]},
            "train/ .* missing: none; unknown: cow",
        ),
        ("empty", {}, "empty.* holds neither the official batches of CIFAR-10 .* nor pictures as"),
        (
            "narrow",
            whole | {name: encoded(narrow)},
            f"{name} is 31×32 RGB; pictures must be 32×32 RGB: convert it",
        ),
        ("grey", whole | {name: encoded(grey)}, f"{name} is 32×32 L; pictures must be"),
        ("palette", whole | {name: palette.getvalue()}, f"{name} is 32×32 P; pictures must be"),
        ("text", whole | {name: b"no picture"}, f"{name} cannot be read as a picture: .*; remove"),
        ("half", whole | {name: whole[name][:-900]}, f"{name} cannot be read as a picture"),
    ]


def check_bad_class_folders(package, folder):
    read, known = part(package, "data.sources").read_source, tiny(package)
    for kind, files, words in bad_sources():
        (folder / kind).mkdir()
        for source in (
            write_folder(folder / kind, files),
            write_zip(folder / f"{kind}.zip", files),
            write_tar(folder / f"{kind}.tar.bz2", files),
        ):
            with pytest.raises(ValueError, match=words):
                read(source, known)


def check_bad_archives(package, folder):
    """Cut off, damaged, encrypted, of another kind: the error names the archive and the file."""
    files = tiny_folders()
    zipped = write_zip(folder / "whole.zip", files).read_bytes()
    tarred = write_tar(folder / "whole.tar", files).read_bytes()
    gzipped = write_tar(folder / "whole.tgz", files).read_bytes()
    middle = len(zipped) // 4
    with tarfile.open(folder / "whole.tar") as archive:
        whole = archive.getmembers()[1].offset  # the end of the first file
    encrypted = bytearray(zipped)
    for place in (encrypted.find(b"PK\x01\x02") + 8, 6):  # the flags of the first entry
        encrypted[place] |= 1
    for name, content, words in (
        ("cut.zip", zipped[: len(zipped) // 2], "its list of files cannot be read: File is not"),
        (
            "damaged.zip",
            zipped[:middle] + bytes(99) + zipped[middle + 99 :],
            r"train/bee/\d+.png cannot be read: Bad CRC",
        ),
        ("encrypted.zip", bytes(encrypted), "train/ant/8.png cannot be read: .*encrypted"),
        ("cut.tar", tarred[: 512 * 9], r"train/ant/9.png cannot be read: unexpected end"),
        ("between.tar", tarred[:whole], r"train/ant/8.png cannot be read: what comes behind it is"),
        (
            "header.tar",
            tarred[:whole] + bytes(99) + tarred[whole + 99 :],
            "train/ant/8.png cannot be read: what comes behind it is damaged or cut off",
        ),
        ("cut.tgz", gzipped[: len(gzipped) // 2], r"train/.* cannot be read: Compressed file end"),
        ("no-end.tgz", gzipped[:-9], "test/bee/10.png cannot be read: Compressed file ended"),
        (
            "damaged.tgz",
            gzipped[:-8] + bytes(4) + gzipped[-4:],
            "test/bee/10.png cannot be read: CRC check failed",
        ),
        ("text.zip", b"Not an archive at all", "its list of files cannot be read: .*neither a zip"),
        ("nothing.tar", b"", "its list of files cannot be read"),
    ):
        path = folder / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: {words}.*; take another copy"):
            part(package, "data.sources").read_source(path, tiny(package))
    locked = PermissionError(errno.EACCES, "Permission denied")
    with (
        patch.object(type(folder), "read_bytes", side_effect=locked),
        pytest.raises(ValueError, match="cannot be read: .*Permission denied; make it readable$"),
    ):
        part(package, "data.sources").read_source(write_folder(folder / "a", files), tiny(package))
    with pytest.raises(FileNotFoundError, match="there is no folder, zip or tar at .*nowhere"):
        part(package, "data.sources").read_source(folder / "nowhere", tiny(package))


# Official batches


def check_batches(package, folder):
    """Pixels, labels and the official order, from folder, zip, tar, and a folder with the tar."""
    known, files = tiny(package), tiny_batches()
    inner = {name.rpartition("/")[2]: content for name, content in files.items()}
    (folder / "holds").mkdir()
    for source, kind in (
        (write_folder(folder / "folder", files), "folder"),
        (write_folder(folder / "inner", inner), "folder"),
        (write_zip(folder / "a.zip", {f"deep/er/{name}": files[name] for name in files}), "zip"),
        (write_tar(folder / "a.tar.gz", files), "tar"),
        (write_tar(folder / "holds" / known.archive, files).parent, "tar"),
    ):
        found = part(package, "data.sources").read_source(source, known)
        assert found.kind == f"official batches in a {kind}"
        assert found.train[1].tolist() == [1, 1, 0, 0, 0, 1]
        assert found.test[1].tolist() == [0, 1, 0, 1, 1, 0]
        assert found.test_ids.tolist() == [0, 1, 2, 3, 4, 5]
        for images, first in ((found.train[0], 0), (found.test[0], 6)):
            for i, image in enumerate(images):
                assert np.array_equal(image.numpy(), picture(first + i).transpose(2, 0, 1))


def check_bad_batches(package, folder):
    read, known = part(package, "data.sources").read_source, tiny(package)
    files, test = tiny_batches(), "cifar-10-batches-py/test_batch"

    def batch(**entries):
        return python2_pickle({"data": pixels_of(6, 6), "labels": [0] * 6} | entries)

    no_labels = python2_pickle({"data": pixels_of(6, 6)})
    for changes, words in (
        ({test: None}, "batches of CIFAR-10 are not whole; missing: test_batch"),
        ({test: batch(labels=[0] * 5)}, "test_batch: 'labels' must be 6 whole numbers"),
        ({test: batch(labels=["a"] * 6)}, "test_batch: 'labels' must be 6 whole numbers"),
        ({test: batch(labels=[0, 1, 2, 0, 0, 0])}, "labels run from 0 to 2, where .* has 0 to 1"),
        ({test: batch(data=pixels_of(6, 6)[:, :-1])}, r"shape \(N, 3072\), not \(6, 3071\)"),
        ({test: batch(data=pixels_of(6, 6).astype(np.int64))}, r"bytes \(uint8\), not int64"),
        ({test: batch(data=[1, 2])}, r"bytes \(uint8\), not list"),
        ({test: no_labels}, "test_batch has no 'labels'"),
        ({test: files[test][:-100]}, "test_batch cannot be read as an official batch"),
        ({test: python2_pickle([1])}, "test_batch holds a list, where batches are dictionaries"),
        (
            {"cifar-10-batches-py/batches.meta": python2_pickle({"label_names": ["bee", "ant"]})},
            "batches.meta does not name the classes of CIFAR-10: .*bee",
        ),
        ({"copy/test_batch": files[test]}, "holds test_batch more than once"),
    ):
        changed = {k: v for k, v in (files | changes).items() if v is not None}
        with pytest.raises(ValueError, match=words):
            read(write_tar(folder / "a.tar", changed), known)


def check_pickles_run_nothing(package, folder):
    """What a pickle asks for is refused by name, before it is called."""
    read, marker = part(package, "data").read_batch, folder / "marker"
    touch = f"open({str(marker)!r}, 'w')"
    for content, asked in (
        (b"cbuiltins\neval\n(U" + bytes([len(touch)]) + touch.encode() + b"tR.", "builtins.eval"),
        (b"cos\nsystem\n(U\x04truetR.", "os.system"),
        (b"c__builtin__\neval\n(U\x011tR.", "__builtin__.eval"),
        (b"cnumpy\nfrombuffer\n(U\x04datatR.", "numpy.frombuffer"),
        (b"\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93.", "subprocess.Popen"),
        (b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.", "numpy.ndarray.__init__"),
        (python2_pickle({"data": pixels_of(0, 1)})[:-2] + b"cos\ngetcwd\n(tRu.", "os.getcwd"),
        (b"(ios\nsystem\n.", "os.system"),
    ):
        path = folder / "batch"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"it asks for {asked}.*, which no array needs"):
            read(path)
    assert not marker.exists()


def check_one_batch(package, folder):
    """A batch file with or without labels, with ids of its own, pixels in planes or in rows."""
    import pickle

    read, path = part(package, "data").read_batch, folder / "batch"
    planes = pixels_of(3, 2)
    rows = planes.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1)
    for entries, labels, ids in (
        ({b"data": planes, b"labels": [7, 3]}, [7, 3], [0, 1]),
        ({"data": planes}, None, [0, 1]),
        ({b"data": planes, b"ids": np.array([12, 5], dtype=np.int32)}, None, [12, 5]),
        ({"data": rows, "ids": [12, 5]}, None, [12, 5]),
        ({"data": np.asfortranarray(planes)}, None, [0, 1]),
    ):
        contents = [pickle.dumps(entries, protocol) for protocol in range(6)]
        contents += [content.replace(b"numpy._core", b"numpy.core") for content in contents[:4]]
        for content in contents:
            path.write_bytes(content)
            images, their_labels, their_ids = read(path)
            assert images.dtype == torch.uint8 and their_ids.dtype == torch.int64
            assert np.array_equal(images.numpy().reshape(2, 3072), planes)
            assert (their_labels if labels is None else their_labels.tolist()) == labels
            assert their_ids.tolist() == ids
    path.write_bytes(python2_pickle({"data": planes, "fine_labels": [99, 0]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy 2.4 warns of old files
        assert read(path, "fine_labels")[1].tolist() == [99, 0]
    with pytest.raises(FileNotFoundError, match="there is no batch file at .*nowhere"):
        read(folder / "nowhere")


# From the first source that serves, and the cache


@contextmanager
def at_hand(package, source, folder, **changes):
    """The package's `load`, where CIFAR-10 is `tiny`, with RESNET_EDU_DATA and the cache set."""
    known = part(package, "data.cifar").KNOWN
    places = {"RESNET_EDU_DATA": str(source or ""), "RESNET_EDU_CACHE": str(folder / "cache")}
    with patch.dict(known, cifar10=tiny(package, **changes)), patch.dict(os.environ, places):
        yield part(package, "data").load


def same(a, b):
    return (
        a.fingerprint == b.fingerprint
        and torch.equal(a.train.images, b.train.images)
        and torch.equal(a.test.labels, b.test.labels)
        and torch.equal(a.test_ids, b.test_ids)
        and (a.classes, a.mean, a.std) == (b.classes, b.mean, b.std)
    )


def check_cache(package, folder):
    """What was loaded once comes again without its source, and every byte of it is checked."""
    files = {
        name.replace("8.", "28." if "bee" in name else "18."): content
        for name, content in tiny_folders(each=1).items()
    }
    files = {name.replace("10.png", f"{i}.png"): c for i, (name, c) in enumerate(files.items())}
    source = write_tar(folder / "a.tgz", files)
    known = {"train": 2, "test": 2}
    with at_hand(package, source, folder, **known) as load:
        first = load("cifar10")
        assert first.source == "class folders in a tar" and first.test_ids.tolist() == [2, 3]
    assert not (folder / "cache").exists(), "nobody knows whether these are the official pictures"
    known["fingerprint"] = first.fingerprint
    with at_hand(package, source, folder, **known) as load:
        assert same(load("cifar10"), first)
    cached = folder / "cache" / "cifar10.safetensors"
    assert os.listdir(cached.parent) == [cached.name]
    with at_hand(package, None, folder, **known) as load:
        again = load("cifar10")
        assert same(first, again) and again.source.startswith(first.source)
        whole = cached.read_bytes()
        pixel = bytearray(whole)
        pixel[-3000] ^= 1
        ids = whole.replace(struct.pack("<qq", 2, 3), struct.pack("<qq", 2, 4))
        for content in (b"", b"junk" * 99, whole[:-1], ids, bytes(pixel)):
            assert content != whole
            cached.write_bytes(content)
            with (
                pytest.warns(UserWarning, match="cifar10.safetensors is damaged and passed over"),
                pytest.raises(FileNotFoundError, match="CIFAR-10 is not at hand"),
            ):
                load("cifar10")
    with at_hand(package, source, folder, **known) as load:
        assert same(load("cifar10"), first) and cached.read_bytes() == whole
    with (
        at_hand(package, None, folder, **(known | {"fingerprint": None})) as load,
        pytest.warns(UserWarning, match="passed over: its pictures are not, or need not be, those"),
        pytest.raises(FileNotFoundError),
    ):
        load("cifar10")
    batches = write_tar(folder / "a.tar", tiny_batches())
    with at_hand(package, batches, folder) as load:  # by their source, with no fingerprint known
        load("cifar10")
    pixel = bytearray(cached.read_bytes())
    pixel[-3000] ^= 1
    cached.write_bytes(pixel)
    with (
        at_hand(package, None, folder) as load,
        pytest.warns(UserWarning, match="its pictures are not those that were written"),
        pytest.raises(FileNotFoundError),
    ):
        load("cifar10")
    cached.write_bytes(whole)
    with (
        at_hand(package, None, folder, **known) as load,
        patch.object(
            part(package, "data.cache"), "safe_open", side_effect=PermissionError("locked")
        ),
        pytest.warns(UserWarning, match="the cache .* is passed over, it cannot be read: locked"),
        pytest.raises(
            FileNotFoundError, match="no earlier load left a cache at .* that can be read"
        ),
    ):
        load("cifar10")
    assert cached.read_bytes() == whole


def check_a_cache_that_cannot_be_written(package, folder):
    """The load succeeds, and one note says why it is not kept."""
    source = write_tar(folder / "a.tar", tiny_batches())
    (folder / "cache").write_text("a file where the folder should be")
    with (
        at_hand(package, source, folder) as load,
        pytest.warns(UserWarning, match="the cache could not be written.*: .*File exists") as notes,
    ):
        assert load("cifar10").source == "official batches in a tar"
    assert len(notes) == 1
    (folder / "cache").unlink()
    with (
        at_hand(package, source, folder) as load,
        patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")),
        pytest.warns(UserWarning, match="could not be written.*No space left") as notes,
    ):
        load("cifar10")
    assert len(notes) == 1 and os.listdir(folder / "cache") == []


def check_official_pictures(package, folder):
    """Batches that are not the official ones are refused; a lossy copy is told, and not kept."""
    batches = write_tar(folder / "a.tar", tiny_batches())
    folders = write_zip(folder / "a.zip", tiny_folders())
    with at_hand(package, batches, folder) as load:
        official = load("cifar10")
        assert official.official is None
    with at_hand(package, batches, folder, fingerprint=official.fingerprint) as load:
        assert load("cifar10").official is True
    cached = (folder / "cache" / "cifar10.safetensors").read_bytes()
    with (
        at_hand(package, folders, folder, fingerprint=official.fingerprint) as load,
        pytest.warns(UserWarning, match="a.zip is not as it was published: .*, or do not compare"),
    ):
        assert load("cifar10").official is False
    assert (folder / "cache" / "cifar10.safetensors").read_bytes() == cached
    with (
        at_hand(package, batches, folder, fingerprint="0" * 16) as load,
        pytest.raises(ValueError, match=f"not as it was published: .* {official.fingerprint}, .*0"),
    ):
        load("cifar10")
    with (
        at_hand(package, None, folder, fingerprint="0" * 16) as load,
        pytest.warns(UserWarning, match="passed over: its pictures are not, or need not be, those"),
        pytest.raises(FileNotFoundError),
    ):
        load("cifar10")


def check_no_silent_change_of_source(package, folder):
    """Where RESNET_EDU_DATA cannot serve, that is an error, whatever the cache holds."""
    with at_hand(package, write_tar(folder / "a.tar", tiny_batches()), folder) as load:
        load("cifar10")
    for source, error, words in (
        (folder / "nowhere", FileNotFoundError, "there is no folder, zip or tar at"),
        (write_zip(folder / "other.zip", {"a.txt": b""}), ValueError, "other.zip holds neither"),
        (
            write_zip(folder / "part.zip", tiny_folders(each=2)),
            ValueError,
            "part.zip is not the whole of CIFAR-10: it holds 4 training pictures, not 6",
        ),
    ):
        with (
            at_hand(package, source, folder) as load,
            pytest.raises(error, match=f"RESNET_EDU_DATA does not serve CIFAR-10: {words}"),
        ):
            load("cifar10", download=True)
