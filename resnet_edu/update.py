"""One update: a batch, augmented and normalised; its loss; its gradient; SGD. On every device."""

import gc
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import Dataset, Pictures, augment, normalise
from .recipes import Recipe
from .speed import FLOAT32, Speed, exact


class Update:
    """`update(chosen, learning_rate)` trains the network on the pictures of those numbers.

    Everything it touches lies on `device` for the length of the run, the pictures as bytes, and
    nothing in it waits for the device. `generator` decides the crops and the flips. `sums` holds,
    until it is zeroed, the losses' sum (nats, a batch each), the number of wrong answers, and how
    many updates there were up to the first loss that was no finite number.
    """

    def __init__(
        self,
        network: nn.Module,
        pictures: Pictures,
        dataset: Dataset,
        recipe: Recipe,
        generator: torch.Generator,
        speed: Speed = FLOAT32,
    ):
        self.network, self.pictures, self.generator = network, pictures, generator
        self.mean, self.std = dataset.mean, dataset.std
        self.augment, self.speed, self.device = recipe.augment, speed, generator.device
        exact()
        self.chosen = torch.zeros(recipe.batch, dtype=torch.int64, device=self.device)
        self.lr = torch.zeros((), device=self.device)  # a CUDA graph would freeze a plain number
        self.optimiser = torch.optim.SGD(
            network.parameters(),
            lr=self.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        for p in network.parameters():  # zeros make the first update like every other
            self.optimiser.state[p]["momentum_buffer"] = torch.zeros_like(p)
        # Gradients in float16 would vanish below 6e-8; in the other precisions it does nothing.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=speed.precision == "float16")
        self.sums = torch.zeros(3, device=self.device)
        self._forward = torch.compile(self._loss) if speed.compiled else self._loss
        self._run = self._eager
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):  # a capture waits for the current one
                self._run = self._captured()

    def __call__(self, chosen: Tensor, learning_rate: float) -> None:
        self.chosen.copy_(chosen)
        self.lr.fill_(learning_rate)
        if not self.network.training:  # each step would walk over all modules
            self.network.train()
        self._run()

    def _eager(self) -> None:
        pictures = self.pictures[self.chosen]
        images = augment(pictures.images, self.generator) if self.augment else pictures.images
        loss, wrong = self._forward(images, pictures.labels)
        self.optimiser.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.sums[0] += loss.detach()
        self.sums[1] += wrong
        self.sums[2] += torch.isfinite(self.sums[0])  # once it is not, it never is again

    def _loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of a batch of bytes, and how many of its answers are wrong."""
        x = normalise(images, self.mean, self.std).contiguous(memory_format=torch.channels_last)
        with self.speed.autocast(x.device):
            answers = self.network(x)
        return F.cross_entropy(answers.to(x.dtype), labels), (answers.argmax(1) != labels).sum()

    def _captured(self) -> Callable[[], None]:
        """The update as a CUDA graph: one launch in place of some hundred."""
        before = {name: value.clone() for name, value in self.tensors().items()}
        dice, scale = self.generator.get_state(), self.scaler.state_dict()
        self.network.train()
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._eager()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        # Those three moved weights, momenta, statistics and dice: all go back to where they were.
        for name, value in self.tensors().items():
            value.copy_(before[name])
        self.generator.set_state(dice)
        self.scaler.load_state_dict(scale)
        graph = torch.cuda.CUDAGraph()
        if torch.__version__ < "2.14":  # later ones see to it themselves
            # Else every replay draws the same crops.
            graph.register_generator_state(self.generator)
        self.optimiser.zero_grad()
        # Python must not clear up inside: an older graph that goes then takes this one with it.
        gc.collect()
        collecting = gc.isenabled()
        gc.disable()
        try:
            with torch.cuda.graph(graph, stream=stream):
                self._eager()
        finally:
            if collecting:
                gc.enable()
        return graph.replay

    def tensors(self) -> dict[str, Tensor]:
        """What an update changes, by name: weights and statistics, momenta, sums. Not copies."""
        weights = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        momenta = {
            f"momentum.{name}": self.optimiser.state[p]["momentum_buffer"]
            for name, p in self.network.named_parameters()
        }
        return {**weights, **momenta, "sums": self.sums}
