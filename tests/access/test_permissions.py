"""Permissions of plugins: declared, granted by a role, asked with `ctx.may`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from crmkit.model.adapters import Permission
from crmkit.model.context import Principal
from crmkit.model.role import Right, Role

if TYPE_CHECKING:
    from crmkit.model.context import Context


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
