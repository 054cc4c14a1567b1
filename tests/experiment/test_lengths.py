from bench.experiment.lengths import lengths
from bench.methods import method


def test_lengths_are_the_counts_that_a_method_multiplies():
    found = lengths(method("DSR"), {"steps": 5, "upsampling_steps": 6, "latent": {"steps": 7}})
    assert found == (
        ("dsr.latent", "steps", 7),
        ("dsr.subspaces", "steps", 5),
        ("dsr.upsampling", "steps", 6),
    )
    assert lengths(method("STFPM"), {}) == (("stfpm.student", "epochs", 100),)
    assert lengths(method("PatchCore"), {"neighbours": 1}) == ()


def test_epochs_that_updates_take_the_place_of_are_no_length():
    (found,) = lengths(method("STFPM"), {"epochs": 1, "steps": 670})
    assert found == ("stfpm.student", "steps", 670)


def test_settings_that_a_method_does_not_read_have_no_lengths():
    assert lengths(method("STFPM"), {"epochs": 1, "passes": 2}) == ()
