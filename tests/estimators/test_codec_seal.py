"""What archives of version 1 know of parts stays what they know."""

import dataclasses
import json
from pathlib import Path

import pytest

import narrows as nw
from narrows.estimators._seal import NEWER

FIRST = json.loads((Path(__file__).parent / "golden" / "parts-1.json").read_text())
ROOMS = ("inputs", "backbones", "bottlenecks", "likelihoods", "priors")


def parts():
    """Parts that a seal may name, by room and name."""
    for room in ROOMS:
        for name, part in sorted(vars(getattr(nw, room)).items()):
            if isinstance(part, type) and dataclasses.is_dataclass(part) and not name.startswith("_"):
                yield f"{room}.{name}", part


@pytest.mark.parametrize(("name", "part"), [pytest.param(n, p, id=n) for n, p in parts()])
def test_parameters_that_came_later_mean_what_was_before(name, part):
    """A parameter that is added to a part must stand in NEWER: else an archive of before is another model's."""
    if name not in FIRST:
        return  # no archive of before has such a part
    fields = {f.name: f for f in dataclasses.fields(part)}
    assert set(FIRST[name]) <= set(fields), "an archive of before could not be read"
    for added in set(fields) - set(FIRST[name]):
        assert added in NEWER and fields[added].default == NEWER[added]


def test_it_looks_at_parts():
    found = dict(parts())
    assert FIRST.keys() <= found.keys() and len(FIRST) > 20
    assert {f.name for f in dataclasses.fields(found["backbones.MLP"])} - set(FIRST["backbones.MLP"]) == set(
        NEWER
    )
