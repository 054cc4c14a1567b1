"""DRAEM: reconstruction and comparison, trained on synthetic anomalies (ICCV 2021)."""

import dataclasses

from bench.methods._settings import as_papers, in_precision, multiplied, of_step, with_precision
from bench.methods.draem.config import Anomalies, Config
from bench.methods.draem.steps import Map, Train
from bench.methods.interface import Method


def last_step(config: Config, _: None) -> Map:
    """Return the maps."""
    settings = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    if config.steps is not None:
        settings["epochs"] = None
    settings["precision"] = of_step(config.precision)
    return Map(Train(**settings))


def is_papers(config: Config) -> bool:
    """Whether it is the method of the paper, in any of the readings of ``docs/differences.md``."""
    readings = Anomalies()
    anomalies = dataclasses.replace(
        config.anomalies,
        max_original_weight=readings.max_original_weight,
        clean_share=readings.clean_share,
        operations=readings.operations,
        max_image_rotation=readings.max_image_rotation,
    )
    known = in_precision(config, as_papers(config.precision))
    return dataclasses.replace(known, anomalies=anomalies, decay=Config.decay) == Config()


def summary(config: Config) -> str:
    """Return updates, batch size and widths in words."""
    length = f"{config.epochs} epochs" if config.steps is None else f"{config.steps} steps"
    widths = f"{config.width} and {config.discriminative_width}"
    words = f"{length} of {config.batch_size} images, widths {widths}"
    return with_precision(words, config.precision)


BIBTEX = """\
@inproceedings{zavrtanik2021draem,
  title     = {{DRAEM} -- A Discriminatively Trained Reconstruction Embedding for Surface Anomaly Detection},
  author    = {Zavrtanik, Vitjan and Kristan, Matej and Sko{\\v{c}}aj, Danijel},
  booktitle = {Proceedings of the IEEE/CVF International Conference on Computer Vision},
  pages     = {8330--8339},
  year      = {2021}
}
"""  # noqa: E501

METHOD = Method(
    name="DRAEM",
    reference="Zavrtanik et al., DRAEM, ICCV 2021",
    bibtex=BIBTEX,
    config=Config,
    last=last_step,
    variants={"": None},
    is_papers=is_papers,
    summary=summary,
    scaled=lambda config, factor: multiplied(config, factor, "epochs", "steps"),
    in_precision=in_precision,
)
