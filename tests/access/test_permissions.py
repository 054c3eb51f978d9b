"""Permissions of plugins: declared, granted by a role, asked with `ctx.may`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from crmkit.errors import Veto
from crmkit.model.adapters import Permission
from crmkit.model.context import Principal
from crmkit.model.role import VERBS, Right, Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]


def test_a_role_grants_a_permission_by_name_or_with_the_plugin(admin: Context) -> None:
    given = {
        **admin.site.contributions,
        "permissions": (("loyalty", Permission("loyalty.gift", "Give")),),
    }
    site = msgspec.structs.replace(admin.site, contributions=given)  # type: ignore[type-var]

    def may(*rights: Right) -> bool:
        role = Role("clerk", "Clerk", rights)
        return replace(admin, site=site, principal=Principal(1, "Anna", role)).may("loyalty.gift")

    assert not may()
    assert not may(Right("*", "read", "all"))
    assert may(Right("loyalty.gift", "admin", "all"))
    assert may(Right("loyalty.*", "admin", "all"))
    assert not may(Right("*", "admin", "all"), Right("loyalty.gift", "admin", "none"))
    with pytest.raises(LookupError, match=r"loyalty\.gift"):
        admin.may("loyalty.gift")


async def test_nobody_gives_a_role_with_a_permission_of_a_plugin_he_has_not(
    admin: Context, make: Make
) -> None:
    first, second = [
        await make("core.user", name=name, role="seller") for name in ("Tom Mate", "Sue Far")
    ]
    names = [each.name for _plugin, each in admin.site.contributions["permissions"]]
    everything = tuple(Right("*", verb, "all") for verb in VERBS)
    without = (*everything, Right(names[0], "admin", "none"))
    boss, deputy = [
        replace(admin, principal=Principal(None, "Dan", Role("deputy", "Deputy", rights)))
        for rights in (everything, without)
    ]
    await boss.save("core.user", first, role="administrator")
    with pytest.raises(Veto) as refused:
        await deputy.save("core.user", second, role="administrator")
    assert names[0] in refused.value.problems["role"]
