"""A U-Net (Ronneberger et al. 2015) in the shape that Sound-of-Pixels gives it: halve, halve, …, double, double.

(B, 1, F, T) ─ 4×4 convolutions of stride 2 ─▶ (B, 8·width, F/2ᴸ, T/2ᴸ) ─ upscale, 3×3 ─▶ (B, channels, F, T)
                              └──────────── skip connection at each level ───────────────▲
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDEST = 8  # times the first level's channels


class UNet(nn.Module):
    """One channel in, several out, of the same height and width.

    Args:
        channels: how many come out.
        levels: L, how often height and width are halved; both must be divisible by 2 to this power.
        width: channels after the first halving; they double up to eight times this.

    Example:
        >>> UNet(channels=5, levels=3, width=8)(torch.zeros(2, 1, 16, 32)).shape
        torch.Size([2, 5, 16, 32])
    """

    def __init__(self, channels: int, levels: int = 7, width: int = 64):
        super().__init__()
        widths = [min(width * 2**i, width * WIDEST) for i in range(levels)]
        self.first = nn.BatchNorm2d(1)
        self.down = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, 2, 1) for narrow, wide in zip([1, *widths], widths, strict=False)
        )
        # The outermost level is fed as it is, the innermost has a single number a channel in short sounds.
        self.down_norms = nn.ModuleList(
            nn.BatchNorm2d(n) if 0 < i < levels - 1 else nn.Identity() for i, n in enumerate(widths)
        )
        outs = [channels, *widths[:-1]]
        self.up = nn.ModuleList(
            nn.Conv2d(n if i == levels - 1 else 2 * n, out, 3, 1, 1)
            for i, (n, out) in enumerate(zip(widths, outs, strict=True))
        )
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(n) if i else nn.Identity() for i, n in enumerate(outs))

    def forward(self, x: Tensor) -> Tensor:
        levels, x = [], self.first(x)
        for i, (convolve, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            x = norm(convolve(F.leaky_relu(x, 0.2) if i else x))
            levels.append(x)
        for i in reversed(range(len(levels))):
            x = levels[i] if i == len(levels) - 1 else torch.cat([levels[i], x], dim=1)
            x = F.interpolate(F.relu(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.up_norms[i](self.up[i](x))
        return x
