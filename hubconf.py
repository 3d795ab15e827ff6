"""The networks for `torch.hub`, with weights out of this repository's own records.

    network = torch.hub.load("OWNER/NAME", "resnet20", pretrained=True)
    torch.hub.load("path/to/the/repository", "resnet20", source="local")

where OWNER/NAME is the repository's on GitHub. Nothing but the repository is downloaded, and to
read weights runs no code. A network with weights is in evaluation mode, and its `about` says what
they are: classes, dataset, recipe, seed, and the `mean` and `std` that its pictures need:

    prepare = torchvision.transforms.Normalize(network.about.mean, network.about.std)
    label = network(prepare(images)).argmax(1)  # images: floats from 0 to 1, (N, 3, 32, 32)
    network.about.classes[label[0]]
"""

from pathlib import Path as _Path

from resnet_edu import resnet as _resnet
from resnet_edu.checkpoint import load_checkpoint as _load_checkpoint
from resnet_edu.records import Run as _Run
from resnet_edu.records import read_runs as _read_runs

dependencies = ["torch", "numpy", "PIL", "safetensors", "tqdm"]

_RECORDS = _Path(__file__).resolve().parent / "records"
_HOW = """

`pretrained=True` gives it the weights of a run on CIFAR-10: by the recipe "paper", or where there
is none, of the run that saw the most pictures; of several seeds the smallest. The test set has no
part in the choice. `pretrained="resnet20-cifar10-brief-s0"` names a run of `records/runs`. Such a
network is in evaluation mode and has `about`: mean, std, classes, dataset, recipe, seed. Further
options are the network's own: `num_classes` and, for a residual one of section 4.2, `shortcut`
("A", "B" or "C"). ValueError where there is no such run; it lists those there are."""


def _entry(name):
    """The entry point that makes the network of that name."""
    make = getattr(_resnet, name)

    def entry(pretrained=False, **options):
        network = make(**options)  # first, so that wrong options are told as such
        if not pretrained:
            return network
        shortcut = options.get("shortcut", "A")
        run = _find(name if shortcut == "A" else f"{name}-{shortcut}", pretrained)
        network, about = _load_checkpoint(run.checkpoint)
        classes = options.get("num_classes", len(about.classes))
        if classes != len(about.classes):
            raise ValueError(f"{run.name} has {len(about.classes)} classes, not {classes}")
        network.about = about
        return network

    entry.__name__ = entry.__qualname__ = name
    entry.__doc__ = make.__doc__ + _HOW
    return entry


def _find(network: str, pretrained: bool | str) -> _Run:
    """The run whose weights are meant; ValueError with a list of the runs where there is none."""
    runs = [run for run in _read_runs(_RECORDS) if run.checkpoint.is_file()]
    fitting = [run for run in runs if run.record["network"] == network]
    if pretrained is True:
        fitting = [run for run in fitting if run.record["dataset"] == "cifar10"]
    else:
        fitting = [run for run in fitting if run.name == pretrained]
    if not fitting:
        what = "on cifar10" if pretrained is True else f"named {pretrained!r}"
        names = ", ".join(run.name for run in runs) or "none"
        raise ValueError(
            f"there are no weights of {network} from a run {what}. Runs with weights: {names}; "
            "name one as pretrained=... of its own network"
        )
    return max(fitting, key=_rank)


def _rank(run: _Run) -> tuple[bool, int, int]:
    """What is preferred: the paper's recipe, then many pictures seen, then a small seed."""
    record = run.record
    return record["recipe"]["name"] == "paper", record["pictures_seen"], -record["seed"]


resnet20 = _entry("resnet20")
resnet32 = _entry("resnet32")
resnet44 = _entry("resnet44")
resnet56 = _entry("resnet56")
resnet110 = _entry("resnet110")
plain20 = _entry("plain20")
plain32 = _entry("plain32")
plain44 = _entry("plain44")
plain56 = _entry("plain56")
plain110 = _entry("plain110")
resnet18 = _entry("resnet18")
resnet50 = _entry("resnet50")
