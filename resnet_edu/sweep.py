"""Several runs from one command: the finished are skipped, the others begun or resumed."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Event

from . import data, records, resnet, resume
from .records import Run
from .runs import How, Plan, choose_speed, make, state_path
from .stop import Stop


@dataclass
class Outcome:
    """What came of a sweep, by the runs' names: records, those stopped, and why others failed."""

    finished: dict[str, Run] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def sweep(plans: Sequence[Plan], how: How, stop: Stop, at_once: int = 1) -> Outcome:
    """Makes the runs in the order given, all in the same precision, so that they can be compared.

    `at_once` above 1 makes that many side by side: worth it on a GPU that one small network leaves
    idle. Each has a process of its own, and one that fails ends nothing but itself.
    """
    outcome, waiting = Outcome(), []
    for plan in dict.fromkeys(plans):  # each once
        folder = records.folder_of(how.root, plan.name)
        if folder.exists():
            outcome.finished[plan.name] = records.read_run(folder)
        else:
            waiting.append(plan)
    if not waiting:
        return outcome
    how = _one_speed(waiting, how)
    if at_once > 1 and how.progress == "bar":
        how = replace(how, progress="lines")
    spawn = multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
    asked = spawn.Event()
    with ProcessPoolExecutor(at_once, spawn, _begin, (asked,)) as processes:
        running = {processes.submit(_make, plan, how): plan.name for plan in waiting}
        _collect(running, stop, asked, outcome)
    return outcome


def _one_speed(plans: Sequence[Plan], how: How) -> How:
    """`how` with precision and compiling settled: by a run under way, else by measuring."""
    for plan in plans:
        if (path := state_path(how.root, plan)).exists():
            speed = resume.read_state(path)[1]["about"]["speed"]
            return replace(how, precision=speed["precision"], compiled=speed["compiled"])
    largest = max(plans, key=lambda plan: plan.recipe.iterations)
    dataset = data.load(largest.dataset)
    network = resnet.by_name(largest.network, len(dataset.classes))
    iterations = sum(plan.recipe.iterations for plan in plans)
    speed, _ = choose_speed(network, dataset, largest.recipe, iterations, how, print)
    return replace(how, precision=speed.precision, compiled=speed.compiled)


def _collect(running: dict[Future, str], stop: Stop, asked: Event, outcome: Outcome) -> None:
    """Waits for all, and passes on that they should end."""
    while running:
        done, _ = wait(running, timeout=0.2, return_when="FIRST_COMPLETED")
        for future in done:
            name = running.pop(future)
            if future.cancelled():
                outcome.stopped.append(name)
            elif error := future.exception():
                outcome.failed[name] = str(error)
            elif run := future.result():
                outcome.finished[name] = run
            else:
                outcome.stopped.append(name)
        if stop.reason and not asked.is_set():
            asked.set()
            for future in running:
                future.cancel()  # those that have not begun


_stop: Stop  # of a process that makes runs


def _begin(asked: Event) -> None:
    """Listens, for the life of a process, to its signals and to what the first process asks."""
    global _stop
    _stop = Stop(asked=asked.is_set)
    _stop.listen()


def _make(plan: Plan, how: How) -> Run | None:
    return None if _stop.reason else make(plan, how, _stop)
