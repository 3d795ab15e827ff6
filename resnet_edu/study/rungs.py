"""A fair stopwatch, and a ladder of training steps that differ in one thing each."""

import ctypes
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms

from .. import resnet
from ..data import Dataset, Pictures, augment, normalise
from ..speed import Speed, keep_memory


def in_turn(
    steps: Mapping[str, Callable[[], object]],
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    wait: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """The seconds that each of `steps` took, a number a round.

    In each round every step has its turn, up the list and then down it. A turn is two calls, of
    which the second is timed. `wait` returns when the device has done all it was told.
    """
    seconds = {name: [] for name in steps}
    for i in range(rounds):
        for name in list(steps) if i % 2 == 0 else reversed(steps):
            steps[name]()  # for the caches, the allocator, a compiler
            wait()
            started = clock()
            steps[name]()
            wait()
            seconds[name].append(clock() - started)
    return seconds


def times_as_fast(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, float, float]:
    """How many times as fast, by the rounds' pairs: (median, lowest, highest)."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


class Clocked(TorchDispatchMode):
    """Notes of every operation inside its seconds, by kind; `calls` counts them.

    On a device that is not waited for, those are the seconds it takes to tell it.
    """

    KINDS = {
        "addmm": "the rest",
        "convolution": "convolution",
        "batch_norm": "batch norm",
        "relu": "ReLU",
        "threshold": "ReLU",
        "aten::add": "addition",
    }

    def __init__(self):
        super().__init__()
        self.seconds, self.calls = Counter(), 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        started = time.perf_counter()
        result = operation(*args, **(kwargs or {}))
        seconds = time.perf_counter() - started
        kinds = [kind for word, kind in self.KINDS.items() if word in operation.name()]
        self.seconds[kinds[0] if kinds else "the rest"] += seconds
        self.calls += 1
        return result


def hand_back_memory() -> bool:
    """Undoes `keep_memory`: whether glibc again hands back what is freed, above 32 MB and 64 MB.

    These are as high as its own thresholds, which move while a program runs, ever climb.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    return all(mallopt(option, value) for option, value in ((-3, 2**25), (-1, 2**26)))


def page_faults() -> int:
    """How many pages of memory the system has given to this process so far; 0 on Windows."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


class OneByOne(torch.utils.data.Dataset):
    """Pictures as the usual script has them: one at a time, by way of PIL, through torchvision."""

    def __init__(self, pictures: Pictures, mean: tuple[float, ...], std: tuple[float, ...]):
        self.pixels = pictures.images.permute(0, 2, 3, 1).numpy()  # (N, H, W, 3)
        self.labels = pictures.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[i])), self.labels[i]


@dataclass(frozen=True)
class Rung:
    """What a training step does and does not: the data path, the layout, the memory, the speed."""

    name: str
    batched: bool = True
    channels_last: bool = True
    keeps_memory: bool = True
    precision: str = "float32"
    compiled: bool = False
    workers: int = 0  # processes that prepare pictures one by one

    @property
    def speed(self) -> Speed:
        """Precision and compiling, as the library's `Update` takes them."""
        return Speed(self.precision, self.compiled)


USUAL = Rung("one by one", batched=False, channels_last=False, keeps_memory=False)
LADDER = (
    USUAL,
    Rung("whole batches", channels_last=False, keeps_memory=False),
    Rung("channels last", keeps_memory=False),
    Rung("memory kept"),
    Rung("bfloat16", precision="bfloat16"),
)
COMPILED = Rung("compiled", precision="bfloat16", compiled=True)
LOADED = replace(USUAL, name="one by one, two workers", workers=2)  # the usual script, whole


class Step:
    """`step()` is one update of a fresh network on the next batch, done as its rung says."""

    def __init__(
        self,
        rung: Rung,
        dataset: Dataset,
        batch: int = 128,
        network: str = "resnet20",
        device: str = "cpu",
    ):
        self.rung, self.batch, self.device = rung, batch, device
        self.mean, self.std = dataset.mean, dataset.std
        self.pictures = dataset.train.to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.network = resnet.by_name(network).to(device).train()
        if rung.channels_last:
            self.network.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(
            self.network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True
        )
        self.generator = torch.Generator(device).manual_seed(0)
        self.loader = None if rung.batched else self._loader(dataset)
        self._loss = torch.compile(self.loss) if rung.compiled else self.loss

    def _loader(self, dataset: Dataset) -> Iterator[list[Tensor]]:
        """Batches without end, made one picture at a time."""
        one_by_one = OneByOne(dataset.train, dataset.mean, dataset.std)
        sampler = RandomSampler(one_by_one, replacement=True, num_samples=10**8)
        workers = self.rung.workers
        return iter(DataLoader(one_by_one, self.batch, sampler=sampler, num_workers=workers))

    def __call__(self) -> None:
        keep_memory() if self.rung.keeps_memory else hand_back_memory()
        self.learn(*self.fetch())

    def fetch(self) -> tuple[Tensor, Tensor]:
        """The next batch, cropped, flipped and normalised: floats (batch, 3, 32, 32), labels."""
        if self.loader:
            images, labels = next(self.loader)
            return images.to(self.device), labels.to(self.device)
        which = torch.randint(
            len(self.pictures), (self.batch,), device=self.device, generator=self.generator
        )
        few = self.pictures[which]
        return normalise(augment(few.images, self.generator), self.mean, self.std), few.labels

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats, forward in the rung's precision."""
        if self.rung.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with self.rung.speed.autocast(images.device):
            answers = self.network(images)
        return F.cross_entropy(answers.float(), labels)

    def learn(self, images: Tensor, labels: Tensor) -> None:
        """One update on this batch."""
        loss = self._loss(images, labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
