"""The five choices: by name, by part, to JSON and back."""

import json

import pytest
from torch import nn

from narrows.backbones import MLP, Conv2d, Modules
from narrows.bottlenecks import Deterministic, Gaussian, TopK
from narrows.contracts import Part
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.corruptions import Masking
from narrows.likelihoods import Laplace, Normal
from narrows.penalties import L1, Contractive, KLSparsity
from narrows.spec import ROOMS, Spec, part_from_json, part_to_json, resolve

NAMED = [(choice, name) for choice, room in ROOMS.items() for name in room.__all__ if name != "Modules"]


@pytest.mark.parametrize(("choice", "name"), NAMED)
def test_every_part_answers_to_its_name(choice, name):
    kind = getattr(ROOMS[choice], name)
    assert isinstance(resolve(choice, name.lower()), kind)
    assert isinstance(resolve(choice, name), kind)


@pytest.mark.parametrize(("choice", "name"), NAMED)
def test_every_part_is_plain_data(choice, name):
    part = resolve(choice, name)
    assert isinstance(part, Part)
    assert part == resolve(choice, name) and hash(part) == hash(resolve(choice, name))
    assert part_from_json(choice, json.loads(json.dumps(part_to_json(part)))) == part
    assert eval(repr(part), vars(ROOMS[choice]) | vars(ROOMS["prior"])) == part, "its repr is what made it"
    with pytest.raises(AttributeError):
        part.anything = 1


@pytest.mark.parametrize("spelling", ["kl_sparsity", "KL-Sparsity", "klsparsity"])
def test_names_are_taken_in_any_spelling(spelling):
    assert resolve("penalty", spelling) == KLSparsity()


def test_a_part_stands_for_itself_and_none_for_none():
    part = Masking(0.3)
    assert resolve("corruption", part) is part
    assert resolve("corruption", None) is None


def test_a_pair_of_networks_is_a_backbone():
    pair = (nn.Linear(3, 2), nn.Linear(2, 3))
    for given in (pair, list(pair)):
        part = resolve("backbone", given)
        assert isinstance(part, Modules) and (part.encoder, part.decoder) == pair


def test_defaults():
    spec = Spec.resolved(None, None, None, None, None, ())
    assert (spec.corruption, spec.penalties) == (None, ())
    assert (spec.backbone, spec.bottleneck, spec.likelihood) == (MLP(), Deterministic(), Normal(mean="auto"))


@pytest.mark.parametrize("given", [L1(0.1), (L1(0.1),), [L1(0.1)]])
def test_one_penalty_or_several(given):
    assert Spec.resolved(None, None, None, None, None, given).penalties == (L1(0.1),)


def test_penalties_by_name():
    assert Spec.resolved(None, None, None, None, None, "l1").penalties == (L1(),)
    assert Spec.resolved(None, None, None, None, None, ("l1", Contractive())).penalties == (
        L1(),
        Contractive(),
    )


SPECS = [
    Spec.resolved("vectors", None, None, None, None, ()),
    Spec.resolved(
        "vectors", GaussianNoise(0.2), MLP((3, 2), tied=True), TopK(3), Laplace("feature"), (L1(0.1),)
    ),
    Spec.resolved(
        "images", Masking(0.5), Conv2d((2,)), Gaussian(2.0, 0.1, 0.2), Normal("shared"), Contractive(0.1, 3)
    ),
    Spec.resolved(
        "vectors", None, None, Deterministic("sigmoid"), "bernoulli", (KLSparsity(2, 0.1), L1(0.2))
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: repr(spec)[-60:])
def test_specs_survive_json(spec):
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_networks_stay_out_of_the_json_and_are_asked_for(refused):
    pair = (nn.Linear(3, 2), nn.Linear(2, 3))
    spec = Spec.resolved("vectors", None, pair, None, None, ())
    data = json.loads(json.dumps(spec.to_json()))
    assert data["backbone"] == {"part": "Modules"}
    back = Spec.from_json(data, modules=pair).backbone
    assert (back.encoder, back.decoder) == pair
    with refused("modules=(encoder, decoder)"):
        Spec.from_json(data)


@pytest.mark.parametrize("choice", ROOMS)
@pytest.mark.parametrize("given", ["foo", 3, object, [1]])
def test_what_is_not_a_part_is_refused(choice, given, refused):
    quoted = repr(given) if isinstance(given, (str, int)) else f"a {type(given).__name__}"
    with refused(f"{choice}={quoted}", ROOMS[choice].__all__[0]):
        resolve(choice, given)


def test_a_class_is_not_a_part(refused):
    with refused("likelihood=a type"):
        resolve("likelihood", Normal)


@pytest.mark.parametrize("choice", ROOMS)
def test_only_listed_names_are_looked_up(choice, refused):
    for name in ("Spec", "dataclass", "__builtins__", "annotations"):
        with refused(repr(name)):
            part_from_json(choice, {"part": name})
