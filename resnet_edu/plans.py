"""What is to be trained and how, and where a run that is under way keeps what it has."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from .recipes import Recipe
from .records import run_name
from .streams import Progress


@dataclass(frozen=True)
class Plan:
    """What is to be trained, on what, how, and with which seed."""

    network: str
    dataset: str
    recipe: Recipe
    seed: int = 0

    @property
    def name(self) -> str:
        """Of the folder that the finished run leaves, such as "resnet20-cifar10-paper-s0"."""
        return run_name(self.network, self.dataset, self.recipe.name, self.seed)


@dataclass(frozen=True)
class How:
    """Where a run is made and how fast; nothing of what is trained.

    `precision` and `compiled`, where None, are chosen by measuring; `measured` is what was measured
    before they were given. The state is saved every `save_every` seconds and at every stop.
    """

    root: Path
    device: torch.device
    precision: str | None = None
    compiled: bool | None = None
    save_every: float = 300.0
    progress: Progress = "bar"
    measured: dict[str, float] = field(default_factory=dict)


def state_path(root: Path, plan: Plan) -> Path:
    """Where a run under way keeps its state; git ignores the folder."""
    return Path(root) / "under-way" / f"{plan.name}.safetensors"


def states(root: Path) -> list[Path]:
    """Those of all runs under way, by name."""
    found = (Path(root) / "under-way").glob("[!.]*.safetensors")
    return sorted(path for path in found if not path.stem.endswith("-best"))  # names end in -s0


def best_path(state: Path) -> Path:
    """Beside the state: the checkpoint that was best on validation so far, to be used meanwhile."""
    return state.with_stem(f"{state.stem}-best")
