"""How to train faster without training something else: precision and compiling, measured first."""

import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
WORTH_MEASURING = 600  # seconds that a run must take before its speed is looked into
WARM_UP, ROUNDS, ROUND = 3, 3, 0.5  # steps not timed, rounds each option is timed, seconds a round

Step = Callable[[], None]


@dataclass(frozen=True)
class Speed:
    """What a run computes in. Weights and momenta are float32 in any case; `precision` is that of
    the convolutions' inputs under autocast, `compiled` whether `torch.compile` made the step.
    """

    precision: str = "float32"
    compiled: bool = False

    def __str__(self) -> str:
        return f"{self.precision}{' compiled' if self.compiled else ''}"

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context in which the forward pass runs."""
        lower = self.precision != "float32"
        dtype = PRECISIONS[self.precision] if lower else None
        return torch.autocast(device.type, dtype=dtype, enabled=lower)


FLOAT32 = Speed()


def keep_memory() -> bool:
    """Whether freed memory now stays with this process, which it does under glibc (Linux) only.

    Else glibc hands every large activation's pages back to the system when it is freed and asks
    for new ones a moment later, and the system clears each of them: some 4,000 a step of
    ResNet-20 at batch 128.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    # Nothing is mapped on its own below 1 GB, and the heap's end is handed back above 2 GB only.
    return all(mallopt(option, value) for option, value in ((-3, 2**30), (-1, 2**31 - 1)))


def exact() -> None:
    """From now on convolutions on a GPU keep float32's bits, of which TF32 drops thirteen, and add
    up in the same order each time, so that a resumed run ends where it should.
    """
    torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32 = True, False


def options(
    device: torch.device, precision: str | None = None, compiled: bool | None = None
) -> list[Speed]:
    """The choices there are on `device`, the plainest first; those given are not up for choice.

    float16 is a choice only on GPUs that have no bfloat16: its small range asks for a scaled loss.
    """
    lower = []
    if device.type == "cuda":
        with torch.cuda.device(device):  # it looks at the current one
            has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        lower = ["bfloat16" if has_bfloat16 else "float16"]
    elif device.type == "cpu":
        lower = ["bfloat16"]
    precisions = [precision] if precision else ["float32", *lower]
    compiles = [False, True] if compiled is None else [compiled]
    return [Speed(p, c) for c in compiles for p in precisions]


def choose(
    make_step: Callable[[Speed], Step],
    device: torch.device,
    steps: int,
    precision: str | None = None,
    compiled: bool | None = None,
    say: Callable[[str], None] = print,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Speed, dict[str, float]]:
    """The fastest of the options for a run of `steps`, and the steps a second of each as measured.

    `make_step` gives a step on a throw-away copy of the training. A run that float32 does in ten
    minutes is not looked into. What cannot run here (no compiler, say) is said and left out;
    RuntimeError where nothing is left. Once `stop()` is true nothing more is measured, and the
    plainest option is given.
    """
    open_to_choice = options(device, precision, compiled)
    ready: dict[Speed, Step] = {}
    for speed in open_to_choice:
        if stop():
            return open_to_choice[0], {}
        step, trouble = _ready(make_step, speed)
        if step is None:
            say(f"{speed} does not run here and is left out: {trouble}")
            continue
        ready[speed] = step
        is_first = len(ready) == 1 < len(open_to_choice)
        if is_first and steps / _rate(step, device) < WORTH_MEASURING:
            return speed, {}
    if not ready and compiled:
        say("going on without compiling")
        return choose(make_step, device, steps, precision, False, say, stop)
    if not ready:
        raise RuntimeError(f"training runs in none of: {', '.join(map(str, open_to_choice))}")
    if len(ready) == 1:
        return next(iter(ready)), {}
    # In turns, so that what else the machine does meets all of them alike.
    rates = {speed: [] for speed in ready}
    for _ in range(ROUNDS):
        for speed, step in ready.items():
            if stop():
                return open_to_choice[0], {}
            rates[speed].append(_rate(step, device))
    measured = {str(speed): statistics.median(rounds) for speed, rounds in rates.items()}
    return max(ready, key=lambda speed: measured[str(speed)]), measured


def _ready(make_step: Callable[[Speed], Step], speed: Speed) -> tuple[Step | None, str]:
    """A step that has run a few times, or None and the reason why it cannot."""
    try:
        step = make_step(speed)
        for _ in range(WARM_UP):
            step()
    except Exception as error:  # compilers fail in many ways, none of which may end a run
        # What failed first may be told at the end only: a capture that breaks off raises again.
        first = error
        while first.__context__:
            first = first.__context__
        return None, "; at first ".join(map(_line, dict.fromkeys((error, first))))
    return step, ""


def _line(error: BaseException) -> str:
    """The error's name and the first line of its text."""
    first, *_ = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {first[:200]}"


def _rate(step: Step, device: torch.device) -> float:
    """Steps a second, over half a second or more."""
    count = 1
    while True:
        started = time.perf_counter()
        for _ in range(count):
            step()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        seconds = time.perf_counter() - started
        if seconds >= ROUND:
            return count / seconds
        count *= 2
