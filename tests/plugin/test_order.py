"""Plugins load in one order whatever the order they are found in; who cannot is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.plugin.manifest import API_VERSION, Manifest, check_api, notice_of, read_manifest
from crmkit.plugin.order import order_plugins

if TYPE_CHECKING:
    from pathlib import Path


def _manifest(name: str, **more: Any) -> Manifest:  # noqa: ANN401 - fields of the manifest
    return Manifest(
        id=name,
        name=name,
        **{"version": "1.0.0", "crmkit": ">=1,<2", **more},
    )


def _all(*manifests: Manifest) -> dict[str, Manifest]:
    return {each.id: each for each in manifests}


def test_what_is_required_and_what_is_before_loads_first() -> None:
    known = _all(
        _manifest("alpha", after=("zeta",)), _manifest("beta", requires=("zeta>=1",)),
        _manifest("zeta"), _manifest("gamma"),
    )  # fmt: skip
    assert (["gamma", "zeta", "alpha", "beta"], {}) == order_plugins(known, known)


@given(st.permutations(["a1", "b1", "c1", "d1", "e1"]))
def test_the_order_does_not_depend_on_how_they_are_found(names: list[str]) -> None:
    needs = {"a1": ("e1",), "b1": (), "c1": ("a1",), "d1": (), "e1": ()}
    known = {name: _manifest(name, requires=needs[name]) for name in names}
    assert ["b1", "d1", "e1", "a1", "c1"] == order_plugins(known, names)[0]


@pytest.mark.parametrize(
    ("more", "state", "told"),
    [
        ({"requires": ("orders",)}, "blocked", "`orders`, which is not installed"),
        ({"requires": ("off",)}, "blocked", "`off`: switch that on"),
        ({"requires": ("base>=2",)}, "blocked", "`base` >=2, here is 1.0.0"),
        ({"conflicts": ("base",)}, "blocked", "beside the plugin `base`"),
        ({"python": ("no-such-distribution>=1",)}, "blocked", "no-such-distribution"),
        ({"python": ("pluggy<1",)}, "blocked", "pluggy<1, here is"),
        ({"crmkit": ">=1.9,<2"}, "incompatible", "install a newer crmkit"),
        ({"crmkit": ">=2"}, "incompatible", "install a newer crmkit"),
        ({"crmkit": ">=0.3,<1"}, "incompatible", "newer version of the plugin"),
    ],
)
def test_who_cannot_load_is_left_out_with_the_reason(
    more: dict[str, Any], state: str, told: str
) -> None:
    known = _all(_manifest("base"), _manifest("off"), _manifest("trial", **more))
    order, refused = order_plugins(known, {"base", "trial"})
    assert ["base"] == order
    assert state == refused["trial"].state
    assert told in refused["trial"].reason


def test_a_ring_is_named_whole_and_takes_down_who_leans_on_it() -> None:
    known = _all(
        _manifest("one", requires=("two",)), _manifest("two", requires=("one",)),
        _manifest("three", requires=("one",)), _manifest("four"),
    )  # fmt: skip
    order, refused = order_plugins(known, known)
    assert ["four"] == order
    assert "one, two" in refused["one"].reason
    assert "`one`" in refused["three"].reason


def test_an_upper_bound_below_this_minor_gives_a_notice_at_most() -> None:
    assert "" == check_api(_manifest("trial", crmkit=">=1,<1.0.1"))
    assert API_VERSION in notice_of(_manifest("trial", tested="0.9"))
    assert "" == notice_of(_manifest("trial", tested=API_VERSION))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('sumary = "x"', "Did you mean `summary`"),
        ('version = "one"', "`version`"),
        ('crmkit = "about 1"', "`crmkit`"),
        ('requires = ["a b"]', "`requires`"),
        ('id = "Core"', "`id`"),
        ('id = "core"', "`id`"),
        ("requires = 7", "requires"),
        ("= 7", "valid TOML"),
    ],
)
def test_a_wrong_manifest_names_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plugin.toml"
    base = {"id": '"trial"', "name": '"Trial"', "version": '"1"', "crmkit": '">=1"'}
    base.pop(text.partition(" ")[0], None)
    path.write_text("\n".join([*(f"{key} = {value}" for key, value in base.items()), text]))
    with pytest.raises(Exception, match=r"plugin\.toml") as refused:
        read_manifest(path)
    assert told in str(refused.value)
