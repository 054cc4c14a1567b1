"""DSR's steps: the latent model, which serves all categories, two trainings, and the maps.

latent model --> subspaces, decoder, detection --> upsampling --> maps
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Scores, Site, Step
from destseg.seeding import derive_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from bench.methods.dsr.config import Latent
    from bench.methods.dsr.networks import DSR
    from destseg.config import Precision

State = dict[str, "Tensor"]

LEAST_SIDE = 64
"""Below it the coarse level's subspace has a single cell, which has no variance."""

HELD_OUT = 10
"""One in so many textures is not trained on."""

REPORT = "report."
"""Prefix of the figures among a result's tensors."""


def _work(settings: Mapping[str, Any]) -> float:
    """Return what the duration is about proportional to."""
    images = settings["steps"] * settings["batch_size"] * settings["size"] ** 2
    return float(images * settings["width"] ** 2)


@dataclass(frozen=True)
class TrainLatent(Step[State]):
    """The latent model, trained on the textures: once, whatever the category and the seed.

    Besides the weights its result has how it does on textures that it was not trained on.
    """

    width: int
    training: Latent
    precision: Precision | None = field(default=None, kw_only=True)
    """None for float32."""

    kind = "dsr.latent"
    seeded = False
    reads = ("textures",)
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return what the duration is about proportional to."""
        return _work(settings | settings["training"])

    def run(self, site: Site, *parents: Any) -> State:  # noqa: ARG002 - it has none
        """Return the weights."""
        import numpy as np

        from bench.methods._perlin import fitted
        from bench.methods._two_class import shown
        from bench.methods.dsr.batches import draw_crops, stream
        from bench.methods.dsr.training import fidelity, train_latent

        latent = self.training

        def seed(name: str) -> int:
            return derive_seed(stage=self.kind, stream=name, seed=latent.seed)

        textures = fitted(site["textures"], LEAST_SIDE)
        held_out = np.arange(len(textures)) % HELD_OUT == HELD_OUT - 1
        batches = stream(
            functools.partial(draw_crops, images=textures[~held_out], count=latent.batch_size),
            steps=latent.steps,
            seed=seed("data"),
            device=site.device,
        )
        model = _untrained(self, seed("weights")).vq.to(site.device)
        reseeds = latent.codebook == "reseeded"
        train_latent(
            model,
            batches,
            lr=latent.lr,
            precision=self.precision or "float32",
            rng=np.random.default_rng(seed("codes")) if reseeds else None,
            on_step=site.beat(latent.steps),
        )
        report = fidelity(model, shown(textures[held_out], site.device))
        return {**model.state_dict(), **{REPORT + name: value for name, value in report.items()}}


@dataclass(frozen=True)
class _OfCategory(Step[State]):
    """What the two trainings of a category have in common."""

    batch_size: int
    lattice_exponents: int
    clean_share: float
    steps: int
    lr: float
    precision: Precision | None = field(default=None, kw_only=True)
    """None for float32."""

    reads = ("images",)
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return what the duration is about proportional to."""
        return float(settings["steps"] * settings["batch_size"] * settings["size"] ** 2)


@dataclass(frozen=True)
class TrainSubspaces(_OfCategory):
    """Subspace restriction, object decoder and detection network.

    Besides the weights its result has how the latent model does on the category's training images.
    """

    least_strength: float
    latent: TrainLatent

    kind = "dsr.subspaces"

    def run(self, site: Site, *parents: Any) -> State:
        """Return the weights of what is trained."""
        from bench.methods._perlin import fitted
        from bench.methods._two_class import shown
        from bench.methods.dsr.batches import draw_normal_batch, stream
        from bench.methods.dsr.training import fidelity, train_subspaces

        images = fitted(site["images"].train, LEAST_SIDE)
        batches = stream(
            functools.partial(
                draw_normal_batch,
                images=images,
                count=self.batch_size,
                lattice_exponents=self.lattice_exponents,
                clean_share=self.clean_share,
                least_strength=self.least_strength,
            ),
            steps=self.steps,
            seed=site.seed("data"),
            device=site.device,
        )
        networks = _networks(self.latent, site, *parents, seed=site.seed("weights"))
        train_subspaces(
            networks,
            batches,
            lr=self.lr,
            precision=self.precision or "float32",
            steps=self.steps,
            on_step=site.beat(self.steps),
        )
        report = fidelity(networks.vq, shown(images, site.device))
        trained = _only(networks, "srm_hi", "srm_lo", "dec", "seg")
        return trained | {REPORT + name: value for name, value in report.items()}


@dataclass(frozen=True)
class TrainUpsampling(_OfCategory):
    """The upsampling module."""

    latent: TrainLatent
    subspaces: TrainSubspaces

    kind = "dsr.upsampling"

    def run(self, site: Site, *parents: Any) -> State:
        """Return the weights of what is trained."""
        from bench.methods._perlin import fitted
        from bench.methods.dsr.batches import draw_smudged_batch, stream
        from bench.methods.dsr.training import train_upsampling

        batches = stream(
            functools.partial(
                draw_smudged_batch,
                images=fitted(site["images"].train, LEAST_SIDE),
                count=self.batch_size,
                lattice_exponents=self.lattice_exponents,
                clean_share=self.clean_share,
            ),
            steps=self.steps,
            seed=site.seed("data"),
            device=site.device,
        )
        networks = _networks(self.latent, site, *parents, seed=site.seed("weights"))
        train_upsampling(
            networks,
            batches,
            lr=self.lr,
            precision=self.precision or "float32",
            on_step=site.beat(self.steps),
        )
        return _only(networks, "up")


@dataclass(frozen=True)
class Map(Step[Scores]):
    """The refined probability of an anomaly at every pixel.

    Image scores are largest means in a window of what is detected before the refinement.
    """

    latent: TrainLatent
    subspaces: TrainSubspaces
    upsampling: TrainUpsampling

    kind = "dsr.maps"
    seeded = False
    reads = ("images",)
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return maps and image scores of the test images."""
        import torch

        from bench.methods._perlin import fitted
        from bench.methods._two_class import pooled_scores, score_window, shown

        networks = _networks(self.latent, site, *parents, seed=0)
        found: tuple[list[Tensor], list[Tensor]] = ([], [])
        with torch.no_grad():
            for batch in shown(fitted(site["images"].test, LEAST_SIDE), site.device):
                for maps, probabilities in zip(found, networks(batch), strict=True):
                    maps.append(probabilities[:, 1].cpu())
        detected, refined = (torch.cat(maps).numpy() for maps in found)
        return Scores(refined, pooled_scores(detected, score_window(detected.shape[-1])))


def _untrained(latent: TrainLatent, seed: int) -> DSR:
    import torch

    from bench.methods.dsr.latent import Sizes
    from bench.methods.dsr.networks import DSR

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DSR(Sizes.of(latent.width, latent.training.codes))


def _networks(latent: TrainLatent, site: Site, *states: State, seed: int) -> DSR:
    """Put together what is trained, frozen, on the device; the rest is as the seed draws it."""
    networks = _untrained(latent, seed)
    first, *others = states
    trained = {f"vq.{name}": tensor for name, tensor in first.items()}
    for state in others:
        trained |= state
    known = networks.state_dict()
    networks.load_state_dict(known | {k: t for k, t in trained.items() if REPORT not in k})
    return networks.requires_grad_(False).to(site.device).eval()


def _only(networks: DSR, *parts: str) -> State:
    state = networks.state_dict()
    return {name: tensor for name, tensor in state.items() if name.split(".")[0] in parts}
