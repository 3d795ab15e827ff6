"""The records: what a finished run leaves behind, in one schema, written and read here.

    records/runs/<network>-<dataset>-<recipe>-s<seed>/
        record.json        what was trained, on what, how, where, and what came of it
        metrics.csv        a row an evaluation, the fields of `train.Evaluation`
        last.safetensors   the last iterate
        best.safetensors   the one that was best on validation, if it is another

    records/large/<the same name>/
        last.safetensors, best.safetensors   instead, where they are over 4 MB; git ignores them

    records/measurements/<name>.json
        anything else that was measured, with the command that makes it again

The book reads finished records only, through `read_run` and `read_measurement`.
"""

import copy
import csv
import io
import json
import os
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from .checkpoint import About, save_checkpoint
from .files import write_whole
from .train import SPLIT, Evaluation, Training

ROOT = Path(__file__).resolve().parent.parent / "records"  # the book's own, beside the library
RUN_FORMAT, MEASUREMENT_FORMAT = 3, 2
LARGEST = 4_000_000  # bytes of a checkpoint that stands beside its record, which git keeps


@dataclass(frozen=True)
class Run:
    """A finished run as its record tells it; `folder` is where it was read from."""

    folder: Path
    record: dict
    metrics: list[Evaluation]

    @property
    def name(self) -> str:
        """The folder's name, as `run_name` makes it."""
        return self.folder.name

    @property
    def test_error(self) -> float:
        """Per cent of the test pictures that the last iterate gets wrong."""
        return self.record["results"]["last"]["test_error"]

    @property
    def checkpoint(self) -> Path:
        """The last iterate's weights; somebody's copy of the records may lack large ones."""
        return checkpoint_of(self.folder)


def run_name(network: str, dataset: str, recipe: str, seed: int) -> str:
    """The name of a run's folder: "resnet20-cifar10-brief-s0"."""
    return f"{network}-{dataset}-{recipe}-s{seed}"


def folder_of(root: Path, name: str) -> Path:
    """Where the run of that name lies when it is finished."""
    return Path(root) / "runs" / name


def large_of(folder: Path) -> Path:
    """Where the run in `folder` leaves the checkpoints that are over 4 MB."""
    return folder.parent.parent / "large" / folder.name


def checkpoint_of(folder: Path, which: str = "last") -> Path:
    """The weights of the run in `folder`, the "last" or the "best", wherever the run left them."""
    beside = folder / f"{which}.safetensors"
    large = large_of(folder) / beside.name
    return large if large.exists() and not beside.exists() else beside


def prepare(root: Path, name: str) -> Path:
    """The folder a run may write when it is done, checked before hours are spent on it.

    FileExistsError if the run is there already; OSError if `root` cannot be written.
    """
    folder = folder_of(root, name)
    if folder.exists():
        raise FileExistsError(
            f"{folder} is there already; choose another --seed, keep yours apart by --records "
            "mine, or remove it"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise OSError(f"cannot write records to {folder.parent}: {error.strerror}") from error
    return folder


def write_run(
    folder: Path,
    training: Training,
    about: About,
    source: str,
    computed: dict[str, Any],
) -> Run:
    """Leaves a finished run's folder, whole or not at all, and reads it back.

    `about` is of the last iterate; `source` the kind of source its pictures came from; `computed`
    how it was made: "speed", what was chosen and what was measured before; "resumed_at", the
    iterations at which it went on after a stop; "machines", those it was made on, their PyTorch,
    whether it compiled, and "since" which iteration. OSError where the folder cannot be written.
    """
    last = training.metrics[-1]
    best = min(training.metrics, key=lambda row: row.validation_error)
    network = training.network
    record = {
        "format": RUN_FORMAT,
        **asdict(about),
        "source": source,
        "split": SPLIT,
        "recipe": asdict(training.recipe),
        "parameters": sum(p.numel() for p in network.parameters()),
        "pictures_seen": last.iteration * training.recipe.batch,
        # The last iterate is what is quoted; the other was chosen by its validation error.
        "results": {"last": _result(last), "best_on_validation": _result(best)},
        "warm_up_ended": training.warm_up_ended,
        **computed,
        "seconds": last.seconds,
        "versions": versions(),
    }
    large = large_of(folder)
    shutil.rmtree(large, ignore_errors=True)  # of a run whose record somebody removed
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        partial.chmod(0o755)
        write_whole(partial / "record.json", (json.dumps(record, indent=2) + "\n").encode())
        write_whole(partial / "metrics.csv", _csv(training.metrics).encode())
        save_checkpoint(partial / "last.safetensors", network, about)
        if best.iteration != last.iteration:
            network = copy.deepcopy(network)
            network.load_state_dict(training.best)
            about = replace(about, iteration=best.iteration)
            save_checkpoint(partial / "best.safetensors", network, about)
        for checkpoint in partial.glob("*.safetensors"):
            if checkpoint.stat().st_size > LARGEST:
                large.mkdir(parents=True, exist_ok=True)
                os.replace(checkpoint, large / checkpoint.name)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial)
        shutil.rmtree(large, ignore_errors=True)
        raise
    return read_run(folder)


def _result(row: Evaluation) -> dict[str, float]:
    """What came of an iterate."""
    names = ("iteration", "train_error", "validation_error", "test_error", "test_loss")
    return {name: getattr(row, name) for name in names}


def read_run(folder: Path) -> Run:
    """The finished run in `folder`.

    FileNotFoundError where there is none, ValueError where the record is damaged or of a format we
    do not know.
    """
    folder = Path(folder)
    if not (folder / "record.json").is_file():
        raise FileNotFoundError(f"there is no finished run in {folder}: it has no record.json")
    try:
        record = json.loads((folder / "record.json").read_text())
        if (written := record["format"]) != RUN_FORMAT:
            raise ValueError(f"it has format {written!r}, and this code reads {RUN_FORMAT}")
        columns = fields(Evaluation)
        with (folder / "metrics.csv").open(newline="") as file:
            metrics = [
                Evaluation(**{column.name: column.type(row[column.name]) for column in columns})
                for row in csv.DictReader(file)
            ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the record in {folder} cannot be read: {error}") from error
    return Run(folder, record, metrics)


def read_runs(root: Path = ROOT) -> list[Run]:
    """All finished runs under `root`, by name."""
    # Not those in hidden folders: a process that was killed left half a record there.
    return [read_run(path.parent) for path in sorted(Path(root).glob("runs/[!.]*/record.json"))]


def write_measurement(name: str, command: str, rows: list[dict], root: Path = ROOT) -> Path:
    """Leaves `measurements/<name>.json`: the rows, and the command that makes them again."""
    path = Path(root) / "measurements" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "format": MEASUREMENT_FORMAT,
        "command": command,
        "versions": versions(),
        "machine": machine(torch.device("cpu")),
    }
    lines = ",\n    ".join(json.dumps(row) for row in rows)  # a row a line, to be read and compared
    text = json.dumps(about, indent=2)[:-2] + f',\n  "rows": [\n    {lines}\n  ]\n}}\n'
    write_whole(path, text.encode())
    return path


def read_measurement(name: str, root: Path = ROOT) -> list[dict]:
    """The rows of `measurements/<name>.json`; FileNotFoundError where it was never made."""
    path = Path(root) / "measurements" / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"there is no measurement at {path}")
    return json.loads(path.read_text())["rows"]


def versions() -> dict:
    """Of Python and of PyTorch."""
    return {"python": platform.python_version(), "torch": torch.__version__}


def machine(device: torch.device) -> dict:
    """What a run was made on, in words that name no machine of anybody's."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"cpu": name, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


def _csv(metrics: list[Evaluation]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Evaluation))
    for row in metrics:
        values = asdict(row).values()
        writer.writerow(v if isinstance(v, int) else float(f"{v:.6g}") for v in values)
    return text.getvalue()
