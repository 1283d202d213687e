"""Backbones have the paper's shapes and take the field's weight files."""

import pytest
import torch

from dsol.errors import DsolError
from dsol.model.backbones import (
    EfficientNetLite0,
    ResNet18,
    Small,
    audio_backbone,
    lite0_weights_file,
    load_weights,
    vision_backbone,
)
from dsol.model.folding import folded


def test_resnet18_has_the_shapes_of_the_paper():
    with torch.inference_mode():
        assert ResNet18()(torch.zeros(1, 3, 224, 224)).shape == (1, 512, 14, 14)
        assert audio_backbone("resnet18")(torch.zeros(1, 1, 201, 64)).shape == (1, 512, 13, 4)


def test_resnet18_has_the_size_and_the_names_of_the_published_one():
    names = dict(ResNet18().named_parameters())
    assert (
        sum(p.numel() for p in names.values()) == 11_176_512
    )  # the published 11,689,512 less the classifier's 513,000
    assert {"conv1.weight", "layer1.0.bn1.bias", "layer2.0.downsample.0.weight", "layer4.1.conv2.weight"} <= set(names)


def test_resnet18_loads_a_file_with_a_classifier(tmp_path):
    source = ResNet18()
    torch.save(
        {**source.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "w.pth"
    )
    loaded = vision_backbone("resnet18", str(tmp_path / "w.pth"))
    assert torch.equal(loaded.layer4[1].conv2.weight, source.layer4[1].conv2.weight)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(Small().state_dict(), tmp_path / "small.pth")
    with pytest.raises(DsolError, match=r"small\.pth: does not fit ResNet18"):
        load_weights(ResNet18(), tmp_path / "small.pth")


def test_a_file_without_weights_is_refused(tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(DsolError, match=r"text\.pth: holds no weights"):
        load_weights(Small(), tmp_path / "text.pth")


def test_missing_imagenet_weights_of_resnet18_are_said():
    with pytest.raises(DsolError, match="carries no ImageNet weights of resnet18"):
        vision_backbone("resnet18", "imagenet")


def test_the_distilled_audio_backbone_is_the_deep_one_with_shipped_weights():
    net, again, other = audio_backbone("distilled"), audio_backbone("distilled"), audio_backbone("deep")
    assert torch.equal(net.layers[0][0].weight, again.layers[0][0].weight)
    assert not torch.equal(net.layers[0][0].weight, other.layers[0][0].weight)


def test_lite0_takes_the_weights_of_its_wheel_and_knows_shapes():
    net = EfficientNetLite0()
    load_weights(net, lite0_weights_file())
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, 224, 224)).shape == (1, 1280, 14, 14)


def test_lite0_with_its_weights_still_classifies_what_it_learned():
    """Dilated as it is, the network with its own classifier tells noise from structure: its answers are not flat."""
    net = vision_backbone("efficientnet_lite0", "imagenet").eval()
    head = torch.load(lite0_weights_file(), map_location="cpu", weights_only=True)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    ball = torch.where(x**2 + y**2 < 0.4, 1.0 - 0.3 * (x**2 + y**2), -0.8).expand(1, 3, 224, 224)
    with torch.inference_mode():
        logits = net(ball).mean(dim=(2, 3)) @ head["_fc.weight"].T + head["_fc.bias"]
    assert logits.softmax(1).max() > 20 / 1000


@pytest.mark.parametrize("net", [ResNet18(), EfficientNetLite0(), Small()])
def test_folding_keeps_the_answers_and_the_original(net):
    for module in net.modules():  # statistics as after some training, not those of a fresh network
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    names = set(net.state_dict())
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = net.eval()(pictures), folded(net)(pictures)
    assert torch.allclose(found, expected, atol=1e-4 * expected.abs().max())
    assert set(net.state_dict()) == names
