"""The check of the fourth exercise card in *The residual block*: the block of 2016 and its dial."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..blocks import conv3x3, initialise
from . import Verdict, lived_in, nothing, own_dice, raised

CHANNELS, FACTORS = 8, (0.5, 0.1, 0.0)
# Places of its parameters, in forward order: γ, β and weights, twice.
FIRST_HALF, SECOND_SCALE, SECOND_SHIFT, LAST = {0, 1, 2}, 3, 4, 5


class PreActivation(nn.Module):
    """He et al. (2016), figure 4 (e): norm and ReLU before each convolution, nothing behind the
    sum; (N, C, H, W) to the same.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv3x3(channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual(x)


def pre_activation(
    block: type[nn.Module], turn_down: Callable[[nn.Module, float], None]
) -> Verdict:
    """Checks `block(channels)`, a pre-activation block, and `turn_down(block, factor)`, after which
    it adds exactly `factor` times what it added before.
    """
    with own_dice():
        try:
            theirs = block(CHANNELS).double()
            if not list(theirs.parameters()):
                return nothing(block, "Your block has no layers: make them in `__init__`.")
            fault = _unlike(theirs) or _wrong_output(theirs)
            if fault:
                return Verdict(False, f"The block: {fault}")
            for factor in FACTORS:
                trained = lived_in(block(CHANNELS).double())
                before = copy.deepcopy(trained)
                came = turn_down(trained, factor)
                if isinstance(came, nn.Module) and came is not trained:
                    return Verdict(
                        False, "turn_down: that is another module. Change the one that is given."
                    )
                if fault := _not_turned(turn_down, trained, before, factor):
                    return fault
            nearer = _nearer(block(CHANNELS).double())
        except Exception as error:
            return raised(error)
    return Verdict(
        True,
        "The block of 2016, and its dial. A tenth of both convolutions, in a fresh block of yours: "
        f"{nearer:.1f} times nearer to the identity.",
    )


def _unlike(theirs: nn.Module) -> str:
    """Why its parameters are not those of a pre-activation block; "" where they are."""
    shapes, wanted = (
        [tuple(p.shape) for p in module.parameters()]
        for module in (theirs, PreActivation(CHANNELS))
    )
    if shapes == wanted:
        return ""
    if any(m.bias is not None for m in theirs.modules() if isinstance(m, nn.Conv2d)):
        return (
            "a convolution has a bias. None in this book has: the norm behind the first takes it "
            "away again, and the last one's would have to be turned down as well."
        )
    if shapes == wanted[2:3] + wanted[:2] + wanted[2:3] + wanted[:2]:
        return (
            "its parameters stand in the order of 2015, each norm behind its convolution. Make "
            "each norm before its convolution, in `__init__` and in what is computed."
        )
    if sorted(shapes) == sorted(wanted):
        return (
            "the layers are right and the order they are made in is not: norm, convolution, norm, "
            "convolution."
        )
    return (
        f"its parameters have the shapes {', '.join(map(str, shapes))}; two batch norms and two "
        "3×3 convolutions, all of the same width, have six."
    )


@torch.no_grad()
def _wrong_output(theirs: nn.Module) -> str:
    """What is wrong with what comes out of it, or "" if nothing is."""
    ours = lived_in(PreActivation(CHANNELS).double())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.copy_(mine)
    x = torch.randn(4, CHANNELS, 6, 6).double()
    given = x.clone()
    output, branch = theirs.train()(given), ours.train().residual(x)
    if not torch.equal(given, x):
        return "it writes into x, which is not its own: no `+=`, and no ReLU that overwrites it."
    if not isinstance(output, Tensor) or output.shape != x.shape:
        return f"the output should be a tensor of shape {tuple(x.shape)}."
    if torch.allclose(output, x + branch):
        return ""
    norm, relu, convolution, *rest = ours.residual
    second, _, last = rest
    passed = relu(norm(x))
    known = {
        "there is a ReLU behind the plus, and the road is blocked again.": (x + branch).relu(),
        "the branch ends in a ReLU: it could only ever add.": x + branch.relu(),
        "the shortcut is missing.": branch,
        "the shortcut carries what norm and ReLU have made of x; it should carry x itself.": (
            passed + branch
        ),
        "there is no ReLU before the first convolution.": (
            x + last(relu(second(convolution(norm(x)))))
        ),
        "there is no ReLU before the second convolution.": x + last(second(convolution(passed))),
        "there is no ReLU at all.": x + last(second(convolution(norm(x)))),
        "ReLU comes before the norms; it belongs between norm and convolution.": (
            x + last(second(relu(convolution(norm(relu(x))))))
        ),
    }
    for message, wrong in known.items():
        if torch.allclose(output, wrong):
            return message
    return "right layers, wrong numbers. norm, ReLU, convolution, the same again, and then plus x."


@torch.no_grad()
def _not_turned(
    turn_down: Callable, turned: nn.Module, before: nn.Module, factor: float
) -> Verdict | None:
    """What is wrong with the block after `turn_down`; None if nothing is."""
    shapes, wanted = ([p.shape for p in block.parameters()] for block in (turned, before))
    if shapes != wanted:
        return Verdict(False, "turn_down: layers were exchanged. Change the numbers in them.")
    pairs = zip(turned.parameters(), before.parameters(), strict=True)
    touched = {place for place, (new, old) in enumerate(pairs) if not torch.equal(new, old)}
    x = torch.randn(8, CHANNELS, 6, 6).double()
    shares = []
    for mode in (True, False):
        came = turned.train(mode)(x) - x
        wanted = factor * (before.train(mode)(x) - x)
        if not torch.allclose(came, wanted, rtol=1e-9, atol=1e-12):
            shares.append((came.norm() / (before(x) - x).norm()).item())
    if not shares and touched:
        return None
    if not touched:
        return Verdict(
            False,
            "The block is right. turn_down: all six of its tensors are as they were; change them "
            "in place.",
        )
    return Verdict(False, f"turn_down: {_mistaken(touched, shares[0], factor)}")


def _mistaken(touched: set[int], share: float, factor: float) -> str:
    """What one most likely did to come from `factor` to `share`."""
    if touched <= FIRST_HALF:
        return (
            f"with the factor {factor:g} the block still adds {share:.3g} times what it did, in "
            "training: the norm behind the first convolution puts back what you took away."
        )
    if touched == {SECOND_SCALE}:
        return (
            "the second norm's γ alone is not enough: in a trained block its shift β is not 0 and "
            "stays as it was."
        )
    if LAST in touched and touched & {SECOND_SCALE, SECOND_SHIFT}:
        return f"two dials at once: with the factor {factor:g} the block adds {share:.3g} times."
    if LAST in touched and touched & FIRST_HALF and abs(share - factor) < 0.01:
        return (
            f"in training with the factor {factor:g} nearly, but not exactly, and evaluating not "
            "at all. The first half need not change: a batch's own statistics undo that, all but "
            "the norm's ε, and remembered ones do not."
        )
    return f"with the factor {factor:g} the block adds {share:.3g} times what it added."


@torch.no_grad()
def _nearer(block: nn.Module) -> float:
    """How many times nearer a fresh block is to the identity with a tenth of both convolutions."""
    initialise(block)
    x = torch.randn(64, CHANNELS, 6, 6).double().relu()
    before = (block.train()(x) - x).norm()
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.weight *= 0.1
    return (before / (block(x) - x).norm()).item()
