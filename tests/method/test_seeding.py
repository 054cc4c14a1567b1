import itertools

import pytest

from destseg.seeding import derive_seed

BASE = {"category": "bottle", "stage": "student", "stream": "data", "seed": 0}


@pytest.mark.parametrize(
    ("components", "seed"),
    [
        (BASE, 5550520357806680121),
        ({**BASE, "seed": 1}, 7277780450680958877),
        ({**BASE, "stage": "segmentation", "stream": "weights"}, 185064523908507606),
    ],
)
def test_seeds_are_the_same_everywhere_and_always(components, seed):
    assert derive_seed(**components) == seed


def test_the_order_of_the_components_does_not_matter():
    seeds = {derive_seed(**dict(order)) for order in itertools.permutations(BASE.items())}
    assert len(seeds) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"category": "tile"},
        {"stage": "segmentation"},
        {"stream": "weights"},
        {"seed": 1},
        {"seed": -1},
        {"seed": "0"},
    ],
)
def test_every_component_matters(change):
    assert derive_seed(**{**BASE, **change}) != derive_seed(**BASE)


def test_names_and_values_are_kept_apart():
    assert derive_seed(a="bc") != derive_seed(ab="c")
    assert derive_seed(a="b", c="d") != derive_seed(a="d", c="b")


def test_seeds_fit_a_signed_64_bit_integer_and_do_not_collide():
    seeds = [derive_seed(**{**BASE, "seed": seed}) for seed in range(2000)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert len(set(seeds)) == len(seeds)
