"""Training steps in processes of their own, told in turn: what is gained, and what is lost.

    python -m resnet_edu.study.faster PART

leaves `records/measurements/faster-PART.json`, for *Faster*. The parts: `ladder`, the usual step
and what makes it faster, one thing at a time; `compile`; `threads-float32` and `threads-bfloat16`,
two runs side by side and one after the other; `threads-four`, one run with more threads than cores.
Nothing else should run meanwhile.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from .. import data
from ..records import write_measurement
from .rungs import COMPILED, LADDER, LOADED, Rung, Step, page_faults

COMMAND = "python -m resnet_edu.study.faster"
# A thread that waits for the others asks again and again, unless it is told to sleep.
ASLEEP = {"OMP_WAIT_POLICY": "passive"}


class Worker:
    """A process that makes a step and waits to be told; `first` is the first step's seconds."""

    def __init__(
        self,
        rung: Rung,
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        told = {"rung": vars(rung), "threads": threads}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "resnet_edu.study.faster", json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.first = self.done()["seconds"]

    def start(self, steps: int) -> None:
        """Tells it to take so many steps."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def done(self) -> dict:
        """Waits until it has taken them: seconds and page faults a step."""
        return json.loads(self.process.stdout.readline())

    def run(self, steps: int) -> dict:
        """Both."""
        self.start(steps)
        return self.done()

    def close(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def work(told: dict) -> None:
    """What the process does: a step, then as many as a line of the standard input says."""
    if told["threads"]:
        torch.set_num_threads(told["threads"])
    step = Step(Rung(**told["rung"]), data.load("shapes"))
    steps = 1
    while True:
        faults, started = page_faults(), time.perf_counter()
        for _ in range(steps):
            step()
        seconds = (time.perf_counter() - started) / steps
        faults = (page_faults() - faults) / steps
        print(json.dumps({"seconds": round(seconds, 5), "faults": round(faults)}), flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        steps = int(line)


def together(workers: Sequence[Worker], steps: int) -> float:
    """Seconds until all of them, started together, have taken so many steps."""
    started = time.perf_counter()
    for worker in workers:
        worker.start(steps)
    for worker in workers:
        worker.done()
    return time.perf_counter() - started


def compare(
    rungs: Sequence[Rung],
    rounds: int,
    steps: int,
    environment: Mapping[str, str] | None = None,
) -> list[dict]:
    """A row a rung and round, told in turn: seconds a step and page faults a step."""
    workers = {rung.name: Worker(rung, environment=environment) for rung in rungs}
    rows = [{"rung": name, "first": worker.first} for name, worker in workers.items()]
    for i in range(rounds):
        for name in list(workers) if i % 2 == 0 else reversed(workers):
            workers[name].run(1)  # not timed: another process has had the caches
            rows.append({"rung": name, "round": i} | workers[name].run(steps))
    for worker in workers.values():
        worker.close()
    return rows


def measure_ladder() -> list[dict]:
    """The usual script, whole, and the rungs of the ladder."""
    return compare((LOADED, *LADDER), rounds=9, steps=4)


def measure_compiling() -> list[dict]:
    """The fastest rung, and the same compiled, with nothing left from an earlier compilation."""
    with tempfile.TemporaryDirectory() as empty:
        nothing = {"TORCHINDUCTOR_CACHE_DIR": empty}
        return compare((LADDER[-1], COMPILED), rounds=9, steps=4, environment=nothing)


def measure_threads(rung: Rung, steps: int = 3, rounds: int = 5) -> list[dict]:
    """A row a way and a round: seconds for two runs of so many steps each, on two cores.

    Two threads each, waiting as they please, is held in the first three rounds only: it takes long.
    """
    two, one, asleep = (
        [Worker(rung, threads, waits) for _ in range(2)]
        for threads, waits in ((2, None), (1, None), (2, ASLEEP))
    )
    rows = []
    for i in range(rounds):
        ways = {
            "one after the other, two threads": lambda: together(two[:1], 2 * steps),
            "side by side, one thread each": lambda: together(one, steps),
            "one alone, one thread": lambda: together(one[:1], steps),
            "side by side, two threads each, asleep": lambda: together(asleep, steps),
        }
        if i < 3:
            ways["side by side, two threads each"] = lambda: together(two, steps)
        for way in list(ways) if i % 2 == 0 else reversed(ways):
            row = {"precision": rung.precision, "round": i}
            rows.append(row | {"way": way, "seconds": round(ways[way](), 3)})
    for worker in two + one + asleep:
        worker.close()
    return rows


def measure_four_threads() -> list[dict]:
    """A row a number of threads and a round: seconds for six steps of one run alone."""
    workers = {threads: Worker(LADDER[3], threads=threads) for threads in (1, 2, 4)}
    rows = []
    for i in range(5):
        for threads in list(workers) if i % 2 == 0 else reversed(workers):
            seconds = round(together([workers[threads]], 6), 3)
            rows.append({"threads": threads, "round": i, "seconds": seconds})
    for worker in workers.values():
        worker.close()
    return rows


PARTS: dict[str, Callable[[], list[dict]]] = {
    "ladder": measure_ladder,
    "compile": measure_compiling,
    "threads-float32": lambda: measure_threads(LADDER[3]),
    "threads-bfloat16": lambda: measure_threads(LADDER[4]),
    "threads-four": measure_four_threads,
}

if __name__ == "__main__":
    if (part := sys.argv[1]) in PARTS:
        write_measurement(f"faster-{part}", f"{COMMAND} {part}", PARTS[part]())
    else:
        work(json.loads(part))
