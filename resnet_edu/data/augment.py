"""Pad, crop and flip whole batches of bytes on the device that trains; then normalise.

"4 pixels are padded on each side, and a 32×32 crop is randomly sampled from the padded image or
its horizontal flip" (He et al. 2015, section 4.2). The paper does not say whether it pads before or
after normalising; we pad the bytes, as torchvision's usual pipeline does, so that the border is
black and not the mean colour.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

PAD = 4


def augment(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Every picture cropped at its own random place and flipped with probability one half.

    Takes and returns uint8 (N, 3, H, W); draws from `generator`, which lives on the same device.
    Equal in distribution to torchvision's `RandomCrop(32, padding=4)`, `RandomHorizontalFlip()`.
    """
    check(images)
    top, left, flip = draw(len(images), images.device, generator)
    return crop_and_flip(images, top, left, flip)


def draw(
    n: int, device: torch.device, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """`n` corners of a crop and `n` coins: top and left uniform in 0 … 8, flip a bool."""
    one_of_162 = torch.randint((2 * PAD + 1) ** 2 * 2, (n,), device=device, generator=generator)
    corner, flip = one_of_162 // 2, one_of_162 % 2 == 1
    return corner // (2 * PAD + 1), corner % (2 * PAD + 1), flip


def crop_and_flip(images: Tensor, top: Tensor, left: Tensor, flip: Tensor) -> Tensor:
    """Picture i padded with four black pixels, cropped at (top[i], left[i]), flipped if flip[i].

    uint8 (N, C, H, W) and three tensors (N,) → uint8 (N, C, H, W).
    """
    n, channels, height, width = images.shape
    padded = F.pad(images, (PAD, PAD, PAD, PAD))
    down = torch.arange(height, device=images.device)
    across = torch.arange(width, device=images.device)
    rows = top[:, None] + down  # (N, H)
    columns = left[:, None] + torch.where(flip[:, None], across.flip(0), across)  # (N, W)
    pixel = rows[:, :, None] * (width + 2 * PAD) + columns[:, None, :]  # (N, H, W)
    # One gather over flattened pictures: indexing with four tensors is slower.
    index = pixel.view(n, 1, -1).expand(-1, channels, -1)
    return padded.view(n, channels, -1).gather(2, index).view(images.shape)


def normalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Bytes to floats: 0 … 255 becomes 0 … 1, less `mean`, over `std`, channel by channel.

    uint8 (N, 3, H, W) → floats of PyTorch's default type (N, 3, H, W).
    """
    check(images)
    floats = images.to(torch.get_default_dtype())
    # Plain numbers and no tensor made of them: to copy one to a GPU would stop its queue.
    for channel, m, deviation in zip(floats.unbind(1), mean, std, strict=True):
        channel.mul_(1 / (255 * deviation)).sub_(m / deviation)
    return floats


def check(images: Tensor) -> None:
    """ValueError or TypeError unless `images` is uint8 of shape (N, 3, H, W)."""
    if images.dim() != 4 or images.shape[1] != 3:
        raise ValueError(f"pictures must have shape (N, 3, H, W), not {tuple(images.shape)}")
    if images.dtype != torch.uint8:
        raise TypeError(f"pictures must be bytes (torch.uint8, 0 to 255), not {images.dtype}")
