"""Checkpoints: weights in a safetensors file, and beside them all that is needed to use them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .files import write_whole
from .resnet import by_name

KEY = "resnet_edu"  # the entry of the file's metadata that holds ours, as JSON


@dataclass(frozen=True)
class About:
    """What a checkpoint is of: enough to build the network, feed it and read its answers."""

    network: str
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dataset: str
    fingerprint: str
    recipe: str
    seed: int
    iteration: int


def save_checkpoint(path: Path, network: nn.Module, about: About) -> None:
    """Writes the file whole or not at all; OSError where it cannot be written."""
    # Channels-last weights are stored in the ordinary order, so a file says nothing of how it
    # was trained.
    weights = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    write_whole(path, save(weights, metadata={KEY: json.dumps(asdict(about))}))


def load_checkpoint(path: Path) -> tuple[nn.Module, About]:
    """The network with its weights, in evaluation mode on the CPU, and what it is of.

    Never runs code from the file. FileNotFoundError where there is none; ValueError for a file
    that is no checkpoint of ours, is damaged, or whose weights do not fit the network it names.
    """
    weights, metadata = read_tensors(path)
    if KEY not in metadata:
        raise ValueError(f"{path} was not written by resnet_edu: its metadata has no {KEY!r}")
    try:
        fields = json.loads(metadata[KEY])
        about = About(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"the metadata of {path} are not as we write them: {error}") from error
    network = by_name(about.network, len(about.classes))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"the weights in {path} are not those of {about.network}: {error}"
        ) from error
    return network.eval(), about


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors in a safetensors file, and its metadata. Never runs code from the file.

    FileNotFoundError where there is none, ValueError where it is damaged or of another kind.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
