import torch
import torchvision

from destseg.resnet import ResNet18

WIDTH = 8


def test_equals_torchvision():
    reference = torchvision.models.resnet18(weights=None)
    for name, buffer in reference.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    weights = reference.state_dict()
    ours = ResNet18()
    assert set(ours.state_dict()) == set(weights) - {"fc.weight", "fc.bias"}
    ours.load_state_dict({key: weights[key] for key in ours.state_dict()})

    images = torch.randn(2, 3, 64, 96)
    expected = []
    for layer in (reference.layer1, reference.layer2, reference.layer3, reference.layer4):
        layer.register_forward_hook(lambda *call: expected.append(call[2]))
    with torch.no_grad():
        reference.eval()(images)
        features = ours.eval()(images)
    assert [tuple(f.shape) for f in features] == [
        (2, 64, 16, 24),
        (2, 128, 8, 12),
        (2, 256, 4, 6),
        (2, 512, 2, 3),
    ]
    for ours_, theirs in zip(features, expected, strict=True):
        torch.testing.assert_close(ours_, theirs, rtol=1e-6, atol=1e-6)


def test_fewer_layers_are_the_first_ones():
    whole = ResNet18(WIDTH).eval()
    trunk = ResNet18(WIDTH, 3).eval()
    trunk.load_state_dict({key: whole.state_dict()[key] for key in trunk.state_dict()})
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        pairs = list(zip(trunk(images), whole(images)[:3], strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not hasattr(trunk, "layer4")


def test_pooling_has_the_bits_of_torchs_and_the_layout_of_the_images():
    """Ties among them: in flat regions the first of equal values gets the gradient."""
    network = ResNet18(WIDTH, 1).eval()
    images = torch.randn(2, 3, 40, 48)
    images[:, :, :20] = 0.5
    for layout in (torch.contiguous_format, torch.channels_last):
        found, expected = [], []
        for pool, seen in ((network._pooled, found), (network.maxpool, expected)):
            given = images.contiguous(memory_format=layout).clone().requires_grad_()
            pooled = pool(given)
            pooled.backward(torch.arange(pooled.numel()).view(pooled.shape).float())
            assert pooled.is_contiguous(memory_format=layout)
            seen += [pooled.detach(), given.grad]
        assert all(map(torch.equal, found, expected))


def test_the_first_layers_alone():
    network = ResNet18(WIDTH).eval()
    images = torch.randn(2, 3, 32, 32)
    calls = []
    network.layer4.register_forward_hook(lambda *call: calls.append(call))
    with torch.no_grad():
        some = network(images, 3)
        assert not calls
        assert all(map(torch.equal, some, network(images)[:3]))
    assert len(some) == 3
