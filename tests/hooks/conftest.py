"""Sites with plugins made in the test: no folder, no database of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from crmkit.plugin.dispatch import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.context import Context
    from crmkit.plugin.hookspecs import Plugin
    from crmkit.plugin.site import Site

    With = Callable[..., Context]


@pytest.fixture
def with_plugins(admin: Context, site: Site) -> With:
    """Answer a context whose Site has more plugins: `with_plugins(ctx, trial=Trial())`."""

    def add(ctx: Context | None = None, **plugins: Plugin) -> Context:
        hooks = Dispatcher({**site.hooks.plugins, **plugins})
        return replace(ctx or admin, site=msgspec.structs.replace(site, hooks=hooks))

    return add
