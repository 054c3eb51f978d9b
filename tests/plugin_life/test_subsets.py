"""TRUST B3: whichever of the proof plugins are there and on, the site starts and serves."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.config import PluginsConfig

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_PROOF = Path(__file__).parents[1] / "plugins"
_NAMES = ("future", "guarded", "hostile", "loyalty", "twina", "twinb")
_SUBSETS = tuple(chain.from_iterable(combinations(_NAMES, n) for n in range(len(_NAMES) + 1)))
#: Plugin to the state it has when it is wanted, and what its reason says.
_STATES = {
    "future": ("incompatible", "newer crmkit"),
    "guarded": ("failed", "no licence"),
    "hostile": ("enabled", ""),
    "loyalty": ("enabled", ""),
    "twina": ("enabled", ""),
}


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in (1, 2, 3))]
)
async def test_every_subset_of_the_proof_plugins_serves(place: Place, part: int) -> None:
    for name in _NAMES:
        place.add(_PROOF / name)
    assert 64 == len(_SUBSETS)
    for subset in _SUBSETS[part::4]:
        place.options["plugins"] = PluginsConfig(enabled=("crm", *subset))
        async with place.start() as running:
            running.fit()
            infos = running.site.plugins
            for name in _NAMES:
                state, reason = _STATES.get(name, ("enabled", ""))
                if name == "twinb" and "twina" in subset:
                    state, reason = "failed", "is added by `twina` already"
                if name in subset:
                    assert state == infos[name].state, (subset, infos[name])
                    assert reason in infos[name].reason
                else:
                    assert infos[name].state != "enabled", (subset, infos[name])
            async with await running.client() as client:
                for path in ("/", "/crm.person", "/crm.opportunity", "/settings/plugins"):
                    status = (await client.get(path)).status_code
                    closed = 503 if "guarded" in subset and path == "/" else 200
                    assert status in {200, closed}, (subset, path)
                guarded = (await client.get("/crm.company")).status_code
                assert (503 if "guarded" in subset else 200) == guarded, subset
