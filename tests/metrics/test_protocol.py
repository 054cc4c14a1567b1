"""The protocol as a record."""

import dataclasses
import json

import pytest

from bench.metrics import PAPER, PROTOCOLS, Protocol


def test_paper_is_the_default():
    assert PROTOCOLS["paper"] == PAPER == Protocol()
    assert PAPER.as_dict() == {
        "name": "paper",
        "size": 256,
        "mask_rule": "antialias",
        "crop": None,
        "connectivity": 8,
        "image_score": "top-mean",
        "top_t": 100,
        "fpr_limit": 0.3,
        "iap_k": 0.9,
        "compat": None,
        "version": 1,
    }


def test_named_protocols_differ_from_the_paper_in_one_thing():
    changed = {}
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        changed[name] = {
            key: value
            for key, value in protocol.as_dict().items()
            if key != "name" and value != PAPER.as_dict()[key]
        }
    assert changed == {
        "paper": {},
        "bilinear": {"mask_rule": "bilinear"},
        "floor": {"mask_rule": "floor"},
        "any": {"mask_rule": "any"},
        "nearest": {"mask_rule": "nearest"},
        "crop224": {"crop": 224},
    }


def test_equal_protocols_have_equal_json():
    one, same = (Protocol(name="p", fpr_limit=value) for value in (1, 1.0))
    assert one == same
    assert json.dumps(one.as_dict()) == json.dumps(same.as_dict())
    assert Protocol(**json.loads(json.dumps(one.as_dict()))) == one


def test_identity_is_all_but_the_name():
    assert set(PAPER.as_dict()) - set(PAPER.identity()) == {"name"}
    assert Protocol(name="mine", fpr_limit=0.05).identity() == Protocol(fpr_limit=0.05).identity()


def test_labels_tell_identities_apart():
    assert {name: protocol.label for name, protocol in PROTOCOLS.items()} == {
        name: f"{name} v1" for name in PROTOCOLS
    }
    assert Protocol(name="mine").label == "paper v1"
    assert Protocol(mask_rule="any", top_t=1).label == "paper v1 mask_rule=any top_t=1"
    # A later version of the definitions is another protocol, whatever else is the same.
    assert Protocol(version=2).label == "paper v2"
    assert Protocol(mask_rule="any", version=2).label == "any v2"
    changes = {
        "size": 64,
        "mask_rule": "any",
        "crop": 200,
        "connectivity": 4,
        "image_score": "max",
        "top_t": 10,
        "fpr_limit": 0.05,
        "iap_k": 0.5,
        "compat": "authors",
        "version": 2,
    }
    assert set(changes) == set(PAPER.identity())
    labels = {Protocol(**{field: value}).label for field, value in changes.items()}
    assert len(labels | {PAPER.label}) == len(changes) + 1


def test_protocol_is_frozen_and_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.size = 64
    assert len({PAPER, Protocol(), Protocol(top_t=10)}) == 2


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("name", "", "non-empty"),
        ("size", 0, "at least 1"),
        ("size", 64.0, "an integer"),
        ("size", True, "an integer"),
        ("top_t", -1, "at least 1"),
        ("version", 0, "at least 1"),
        ("crop", 0, "at least 1"),
        ("crop", 257, "at most size, 256"),
        ("connectivity", 6, "4, 8"),
        ("mask_rule", "round", "antialias, bilinear, floor, any, nearest"),
        ("image_score", "mean", "top-mean, max"),
        ("fpr_limit", 0.0, r"\(0, 1\]"),
        ("fpr_limit", 1.5, r"\(0, 1\]"),
        ("iap_k", float("nan"), r"\(0, 1\]"),
        ("iap_k", True, r"\(0, 1\]"),
    ],
)
def test_bad_fields_are_named(field, value, allowed):
    with pytest.raises(ValueError, match=f"{field} is .*; allowed: .*{allowed}"):
        Protocol(**{field: value})
