"""Checkpoints: weights in a safetensors file, and beside them all that is needed to use them."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .files import write_whole
from .resnet import by_name

KEY = "resnet_edu"  # the entry of the file's metadata that holds ours, as JSON
DIGEST = "sha256"  # the one that holds the digest of all else in the file


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
    write_tensors(path, network.state_dict(), {KEY: json.dumps(asdict(about))})


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
        network = by_name(about.network, len(about.classes))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"the metadata of {path} are not as we write them: {error}") from error
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"the weights in {path} are not those of {about.network}: {error}"
        ) from error
    return network.eval(), about


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file with a digest of its content, whole or not at all; OSError if not."""
    stored = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_whole(path, save(stored, metadata=metadata | {DIGEST: _digest(stored, metadata)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors in a safetensors file, and its metadata. Never runs code from the file.

    FileNotFoundError where there is none, ValueError where it is damaged, which a digest tells if
    there is one (safetensors itself has none), or of another kind.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
    digest = metadata.pop(DIGEST, None)
    if digest and digest != _digest(tensors, metadata):
        raise ValueError(f"{path} is damaged: it is not what was written; take another copy")
    return tensors, metadata


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 of the tensors and the metadata, in the order of their names."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
