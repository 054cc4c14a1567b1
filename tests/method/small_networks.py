"""Networks and batches small enough to train in a moment, and comparisons of weights."""

import torch

from destseg.batches import Batch
from destseg.config import ModelConfig
from destseg.model import DeSTSeg
from destseg.resnet import ResNet18
from destseg.teacher import Teacher
from destseg.training import build_segmentation, build_student

CONFIG = ModelConfig(width=8, segmentation_width=8, dilations=(1, 2, 3))


def small_teacher(seed=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trunk = ResNet18(CONFIG.width, 3)
        # Statistics unlike a fresh network's, so that train and eval modes differ.
        for name, buffer in trunk.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        return Teacher(trunk)


def small_student(kind="encoder-decoder", *, seed=2):
    return build_student(CONFIG, kind, seed=seed)


def small_segmentation(fusion_input="product", *, seed=3):
    levels = [CONFIG.width * 2**level for level in range(3)]
    return build_segmentation(levels, CONFIG, fusion_input, seed=seed)


def small_model(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DeSTSeg(ResNet18(CONFIG.width, 3), CONFIG, **options).eval()


def random_batch(count=4, size=(32, 32), seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randn(count, 3, *size, generator=generator)
    mask = torch.zeros(count, 1, *size)
    mask[:, :, : size[0] // 2, : size[1] // 2] = 1
    corrupted = torch.where(mask > 0, torch.randn(clean.shape, generator=generator), clean)
    return Batch(corrupted, clean, mask)


def snapshot(module):
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def changed(module, before):
    """Names of the tensors that are no longer bitwise what they were."""
    after = module.state_dict()
    assert after.keys() == before.keys()
    return {key for key, tensor in after.items() if not torch.equal(tensor, before[key])}
