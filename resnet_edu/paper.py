"""What He et al. (2015) report for CIFAR-10, to be set beside what we find."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """An error the paper reports; where it ran a network several times, `mean` and `spread` too."""

    error: float
    mean: float | None = None
    spread: float | None = None

    @property
    def comparable(self) -> float:
        """What a mean of ours is set beside, a mean where there is one, never a best of several.

        Where there is none, the one number given; the paper does not say of how many runs.
        """
        return self.error if self.mean is None else self.mean

    def __str__(self) -> str:
        if self.mean is None:
            return f"{self.error:.2f}"
        return f"{self.mean:.2f} ± {self.spread:.2f} (best {self.error:.2f})"


# He et al. 2015, table 6: CIFAR-10, option A, the paper's recipe, for 110 layers with its warm-up;
# of ResNet-110 "best (mean±std)" of five runs. It tabulates no plain network and no option B.
PUBLISHED = {
    ("resnet20", "cifar10", "paper"): Published(8.75),
    ("resnet32", "cifar10", "paper"): Published(7.51),
    ("resnet44", "cifar10", "paper"): Published(7.17),
    ("resnet56", "cifar10", "paper"): Published(6.97),
    ("resnet110", "cifar10", "paper-warm"): Published(6.43, 6.61, 0.16),
}
