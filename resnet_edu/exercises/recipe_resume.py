"""The check of the exercise card in *The recipe* that is about a run's whole state."""

import io
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..blocks import BasicBlock
from ..data import Pictures
from ..recipes import Recipe
from ..resnet import ResNet
from ..study.recipe import Run
from . import Verdict, nothing, own_dice, raised

# A warm-up of 50 iterations and a milestone at 65; stopped in the warm-up and after it.
RECIPE = Recipe("exercise", 72, 0.05, "steps", (65,), batch=16, warm_up_below=99.9)
STOPS = (7, 55)


def resume(snapshot: Callable[[Run], Any], restore: Callable[[Run, Any], None]) -> Verdict:
    """Checks `snapshot(run)` and `restore(run, state)`: whether a run goes on as if never stopped.

    The states pass through a file on their way, and each is used more than once.
    """
    with own_dice():
        undisturbed = _run(0)
        truth = [undisturbed.step() for _ in range(RECIPE.iterations)]
        source, losses, states, files, wanted = _run(0), [], {}, {}, {}
        try:
            for i in range(RECIPE.iterations):
                if i in STOPS:
                    wanted[i] = _parts(source)
                    states[i] = snapshot(source)
                    files[i] = _file(states[i])
                losses.append(source.step())
        except _NotStored as error:
            return Verdict(False, str(error))
        except Exception as error:
            return raised(error)
        if any(state is None for state in states.values()):
            return nothing(snapshot)
        if losses != truth:
            return Verdict(False, "The run went on differently after its snapshot: only look.")
        for stop in STOPS:
            for what, state in (
                ("file", torch.load(io.BytesIO(files[stop]), weights_only=True)),
                ("kept", states[stop]),
                ("again", states[stop]),
            ):
                run = _run(1)
                try:
                    if restore(run, state) is not None:
                        return Verdict(False, "`restore` changes the run it is given, in place.")
                    found = _parts(run)
                    after = [run.step() for _ in range(RECIPE.iterations - stop)]
                except Exception as error:
                    return raised(error)
                if fault := _fault(found, wanted[stop], what, _parts(_run(1))):
                    return Verdict(False, f"Stopped after {stop} iterations: {fault}")
                if after != truth[stop:]:
                    return Verdict(False, f"Stopped after {stop} iterations, losses differ later.")
    return Verdict(True, "Stopped twice, resumed six times, and every loss is the one it was.")


class _NotStored(Exception):
    """A state that does not survive a file."""


def _file(state: object) -> bytes:
    """The state as `torch.save` writes it, if `torch.load` takes it without running its code."""
    file = io.BytesIO()
    try:
        torch.save(state, file)
        torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    except Exception as error:
        raise _NotStored(
            "The state does not survive torch.save and torch.load, which runs no code from a "
            "file: keep to tensors, numbers, lists and dictionaries. "
            f"({type(error).__name__})"
        ) from error
    return file.getvalue()


def _run(seed: int) -> Run:
    """A run of a tiny network on forty pictures of dice."""
    torch.manual_seed(7)
    images = torch.randint(256, (40, 3, 8, 8), dtype=torch.uint8)
    pictures = Pictures(images, torch.randint(10, (40,)))
    torch.manual_seed(seed)
    network = nn.Sequential(ResNet(BasicBlock, (1, 1, 1), (2, 4, 4)))
    return Run(network, pictures, (0.5,) * 3, (0.25,) * 3, RECIPE, seed)


def _parts(run: Run) -> dict[str, Any]:
    """Copies of all that a step changes, by name."""
    weights = list(run.network.parameters())
    momenta = [run.optimiser.state.get(w, {}).get("momentum_buffer") for w in weights]
    return {
        "weights": [w.detach().clone() for w in weights],
        "statistics": [b.clone() for n, b in run.network.named_buffers() if "running" in n],
        "momenta": [
            torch.zeros_like(w) if m is None else m.clone()
            for m, w in zip(momenta, weights, strict=True)
        ],
        "order": [run.batches.order.clone()],
        "generator": [run.generator.get_state()],
        "iteration": run.iteration,
        "warming_up": run.warming_up,
        "wrong": list(run.wrong),
    }


def _same(a: object, b: object) -> bool:
    """Whether two parts are the same, tensors to the bit."""
    if isinstance(a, list) and any(isinstance(x, torch.Tensor) for x in a):
        return all(torch.equal(*pair) for pair in zip(a, b, strict=True))
    return a == b


_MISSING = {
    "weights": "the weights are not those of the run.",
    "statistics": (
        "batch norm's running means and variances are not those of the run. They are buffers, no "
        "parameters. No training loss would ever show it; every evaluation would."
    ),
    "momenta": (
        "the velocities are not those of the run. The first loss would be right, the second not."
    ),
    "order": "the rest of the epoch's order is not that of the run: other pictures come next.",
    "generator": (
        "the generator is not where it was. If you have set it: does anything draw from it "
        "afterwards, as new Batches do?"
    ),
    "iteration": "the run does not know how far it was. The next milestone would come too late.",
    "warming_up": "the run does not know whether it is still warming up.",
    "wrong": "the wrong answers since the last look are lost: the warm-up would end elsewhere.",
}


def _fault(found: dict, wanted: dict, what: str, fresh: dict) -> str:
    """What was not brought back, or brought back from another time; "" if nothing."""
    for name, value in wanted.items():
        if _same(found[name], value):
            continue
        if what == "file" or _same(found[name], fresh[name]):
            return _MISSING[name]
        if what == "kept":
            return (
                f"the state has gone on with the run it was taken from ({name}). A state_dict "
                "holds the tensors themselves: clone them."
            )
        return (
            f"a second restore from the same state is not the first ({name}). The run that was "
            "restored works on the state's own tensors or lists: give it copies."
        )
    return ""
