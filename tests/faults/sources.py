"""Faults of archives, batches, cache and download."""

from checks import downloads, sources

from . import Fault

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
        "    if dataset.official is False:",
        "    if False:",
        sources.check_official_pictures,
    ),
    Fault(
        "a lossy copy passes without a word",
        "data",
        '        warnings.warn(f"{said}, or do not compare what comes of it", stacklevel=4)\n',
        "",
        sources.check_official_pictures,
    ),
    Fault(
        "a tar that was cut between two files",
        "data.archives",
        "if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):",
        "if False:",
        sources.check_bad_archives,
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
        "a cache that cannot be written, and no remedy",
        "data",
        '"make room there, or set RESNET_EDU_CACHE to another folder"',
        '""',
        downloads.check_load_without_a_cache,
    ),
    Fault(
        "two processes write one part",
        "data.download",
        "    with only_one(part):\n",
        "    if True:\n",
        downloads.check_one_process_downloads,
    ),
]

FAULTS = [*SOURCES, *DOWNLOADS]
