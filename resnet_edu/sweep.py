"""Several runs from one command: the finished are skipped, the others begun or resumed."""

import multiprocessing
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_byte
from dataclasses import dataclass, field, replace
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from . import data, records, resnet, resume
from .plans import How, Plan, state_path
from .records import Run
from .runs import choose_speed, make
from .speed import keep_memory, options
from .stop import SIGNALS, Stop
from .streams import note, open_all, steady


@dataclass
class Outcome:
    """What came of a sweep, by the runs' names: records, those stopped, and why others failed."""

    finished: dict[str, Run] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def sweep(plans: Sequence[Plan], how: How, stop: Stop, at_once: int = 1) -> Outcome:
    """Makes the runs in the order given, in the same precision, so that they can be compared.

    It is that of finished runs by the same recipe on the same pictures, if there are any. Only what
    is under way already goes on in the precision that it was begun in. `at_once` above 1
    makes that many side by side: on a CPU they share its threads; on a GPU, of which one small
    network leaves most idle, they take turns unless NVIDIA's MPS lets them in together. Each has a
    process of its own, and one that fails, or that the system ends, ends nothing but itself.
    """
    outcome, waiting = Outcome(), []
    for plan in dict.fromkeys(plans):  # each once
        folder = records.folder_of(how.root, plan.name)
        if not folder.exists():
            waiting.append(plan)
            continue
        try:
            outcome.finished[plan.name] = records.read_run(folder)
        except (OSError, ValueError) as error:
            outcome.failed[plan.name] = str(error)
    if waiting:
        if at_once > 1 and how.progress == "bar":
            how = replace(how, progress="lines")
        threads = max(1, torch.get_num_threads() // at_once)
        finished = [*outcome.finished.values(), *_comparable(waiting, how)]
        settled = _one_speed(waiting, finished, how, threads, stop)
        # A run under way goes on as it was begun, unless it was asked to do otherwise.
        jobs = [(plan, how if state_path(how.root, plan).exists() else settled) for plan in waiting]
        _make_all(jobs, stop, at_once, threads, outcome)
    return outcome


def _one_speed(
    plans: Sequence[Plan], finished: Iterable[Run], how: How, threads: int, stop: Stop
) -> How:
    """`how` with precision and compiling settled.

    As they were asked for; else as a run under way has them, or the precision of the first that is
    finished; else by measuring.
    """
    precision, compiled = _speed_there(plans, finished, how)
    how = replace(
        how,
        precision=how.precision or precision,
        compiled=compiled if how.compiled is None else how.compiled,
    )
    if how.precision and how.compiled is not None:
        return how
    largest = max(plans, key=lambda plan: (plan.recipe.iterations, resnet.depth_of(plan.network)))
    dataset = data.load(largest.dataset)
    network = resnet.by_name(largest.network, len(dataset.classes))
    iterations = sum(plan.recipe.iterations for plan in plans)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # as in the runs themselves
    keep_memory()
    try:
        speed, measured = choose_speed(
            network, dataset, largest.recipe, iterations, how, print, stop
        )
    finally:
        torch.set_num_threads(before)
    return replace(how, precision=speed.precision, compiled=speed.compiled, measured=measured)


def _speed_there(
    plans: Sequence[Plan], finished: Iterable[Run], how: How
) -> tuple[str | None, bool | None]:
    """The precision of what is there, and whether it is compiled; None where that is open."""
    for plan in plans:
        try:
            speed = resume.read_state(state_path(how.root, plan))[1]["about"]["speed"]
            return speed["precision"], speed["compiled"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # there is none, or it is damaged, which its own run will say
    possible = {speed.precision for speed in options(how.device)}
    for run in finished:
        precision = run.record["speed"]["precision"]
        if precision not in possible:
            continue
        if not how.precision:
            print(f"in {precision}, to be compared with {run.name}; --precision decides otherwise")
        return precision, None
    return None, None


def _comparable(plans: Sequence[Plan], how: How) -> list[Run]:
    """The finished runs that stand beside one of these in a figure or a row of the ledger."""
    kinds = {(plan.dataset, plan.recipe.name) for plan in plans}
    found = []
    for path in sorted(Path(how.root).glob("runs/[!.]*/record.json")):
        try:
            run = records.read_run(path.parent)
        except (OSError, ValueError) as error:
            note(f"{error}; it decides nothing here")
            continue
        if (run.record["dataset"], run.record["recipe"]["name"]) in kinds:
            found.append(run)
    return found


def _make_all(
    jobs: list[tuple[Plan, How]], stop: Stop, at_once: int, threads: int, outcome: Outcome
) -> None:
    """Begins a run whenever there is room, waits for all, and passes on that they should end."""
    spawn = multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
    # No Event, which has a lock: a process that is killed while it looks would hold it for ever.
    end = spawn.RawValue("b", 0)
    resource_tracker.ensure_running()  # which lets signals through when it is begun
    running = {}
    try:
        while jobs or running:
            while jobs and len(running) < at_once and not stop.reason:
                plan, how = jobs.pop(0)
                answer, theirs = spawn.Pipe(duplex=False)
                process = spawn.Process(target=_make, args=(plan, how, threads, end, theirs))
                with _held_back():
                    process.start()
                theirs.close()
                running[answer] = plan, process
            if stop.reason and not end.value:
                end.value = 1
                outcome.stopped += [plan.name for plan, _ in jobs]
                jobs.clear()
            for answer in wait(running, timeout=0.2):
                _note(*running.pop(answer), answer, stop, outcome)
    finally:
        end.value = 1


def _note(
    plan: Plan,
    process: multiprocessing.Process,
    answer: Connection,
    stop: Stop,
    outcome: Outcome,
) -> None:
    """Enters what came of a run whose process has ended: its record, nothing, or why it failed."""
    try:
        came = answer.recv()
    except (EOFError, OSError):  # it ended without a word, or in the middle of one
        process.join()
        code = process.exitcode
        by = signal.Signals(-code).name if code < 0 else f"code {code}"
        came = None if stop.reason else f"its process was ended by {by}"
    process.join()
    if came is None and not stop.reason:
        came = "its process alone was told to stop; the same command goes on"
    if isinstance(came, Run):
        outcome.finished[plan.name] = came
    elif came is None:
        outcome.stopped.append(plan.name)
    else:
        outcome.failed[plan.name] = came


@contextmanager
def _held_back() -> Iterator[None]:
    """Signals wait inside. A process that is begun there takes that over until it listens."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _make(plan: Plan, how: How, threads: int, end: c_byte, answer: Connection) -> None:
    """A run in a process of its own; answers its record, None if it was stopped, or its error."""
    # Nobody waits for a run whose sweep was killed.
    stop = Stop(asked=lambda: bool(end.value) or not parent_process().is_alive(), quiet=True)
    stop.listen()
    open_all()
    warnings.showwarning = note
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    torch.set_num_threads(threads)
    try:
        with steady():
            answer.send(None if stop.reason else make(plan, how, stop))
    except KeyboardInterrupt:  # twice Ctrl-C: its parent has said so
        sys.exit(130)
    except Exception as error:  # whatever it was, the others go on
        answer.send(str(error) or repr(error))
