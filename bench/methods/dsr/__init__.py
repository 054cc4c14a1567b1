"""DSR: comparison of two decodings of quantised features (ECCV 2022)."""

import dataclasses

from bench.methods._settings import as_papers, in_precision, multiplied, of_step, with_precision
from bench.methods.dsr.config import Config, Latent
from bench.methods.dsr.steps import Map, TrainLatent, TrainSubspaces, TrainUpsampling
from bench.methods.interface import Method


def last_step(config: Config, _: None) -> Map:
    """Return the maps."""
    names = "batch_size", "lattice_exponents", "clean_share", "lr"
    settings = {name: getattr(config, name) for name in names}
    settings["precision"] = of_step(config.precision)
    latent = TrainLatent(config.width, config.latent, precision=settings["precision"])
    subspaces = TrainSubspaces(
        **settings, steps=config.steps, least_strength=config.least_strength, latent=latent
    )
    upsampling = TrainUpsampling(
        **settings, steps=config.upsampling_steps, latent=latent, subspaces=subspaces
    )
    return Map(latent, subspaces, upsampling)


def is_papers(config: Config) -> bool:
    """Whether it is the method of the paper, in any of the readings of ``docs/differences.md``."""
    latent = dataclasses.replace(config.latent, codebook=Latent.codebook, seed=Latent.seed)
    known = dataclasses.replace(
        config,
        latent=latent,
        clean_share=Config.clean_share,
        least_strength=Config.least_strength,
        upsampling_steps=Config.upsampling_steps,
        precision=as_papers(config.precision),
    )
    return known == Config() and config.upsampling_steps in (Config.upsampling_steps, 20_000)


def scaled(config: Config, factor: float) -> Config:
    """Return the configuration with so many times the updates, the latent model's too."""
    config = dataclasses.replace(config, latent=multiplied(config.latent, factor, "steps"))
    return multiplied(config, factor, "steps", "upsampling_steps")


def summary(config: Config) -> str:
    """Return updates, batch size, width and codes in words."""
    latent = config.latent
    words = (
        f"{latent.steps} steps of {latent.batch_size} textures for the latent model, then "
        f"{config.steps} + {config.upsampling_steps} of {config.batch_size} images, "
        f"width {config.width}, {latent.codes} codes"
    )
    return with_precision(words, config.precision)


BIBTEX = """\
@inproceedings{zavrtanik2022dsr,
  title     = {{DSR} -- A Dual Subspace Re-Projection Network for Surface Anomaly Detection},
  author    = {Zavrtanik, Vitjan and Kristan, Matej and Sko{\\v{c}}aj, Danijel},
  booktitle = {European Conference on Computer Vision},
  pages     = {539--554},
  year      = {2022}
}
"""

METHOD = Method(
    name="DSR",
    reference="Zavrtanik et al., DSR, ECCV 2022",
    bibtex=BIBTEX,
    config=Config,
    last=last_step,
    variants={"": None},
    is_papers=is_papers,
    summary=summary,
    scaled=scaled,
    in_precision=in_precision,
)
