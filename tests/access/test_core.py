from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.access.core import site_of
from crmkit.access.sessions import find_session, open_session
from crmkit.config import Config
from crmkit.errors import ConfigError, Veto
from crmkit.model.role import Right, Role
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.history import list_operations, undo_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from crmkit.db.engine import Database
    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]


async def _administrator(admin: Context, make: Make, name: str) -> int:
    user = await make("core.user", name=name, role="administrator")
    await admin.db.execute("UPDATE core_user SET password_hash = 'x' WHERE id = $1", user)
    return user


@pytest.mark.parametrize("values", [{"role": "seller"}, {"active": False}])
async def test_the_last_administrator_stays_one(
    admin: Context, make: Make, values: dict[str, Any]
) -> None:
    last = await _administrator(admin, make, "Ada")
    with pytest.raises(Veto):
        await admin.save("core.user", last, **values)
    with pytest.raises(Veto):
        await admin.trash("core.user", last)
    plan = admin.site.entity("core.user")
    result = await bulk_edit(admin, plan, Selection(ids=(last,)), values)
    assert [last] == [record for record, _reason in result.skipped]


async def test_one_of_two_administrators_may_go(admin: Context, make: Make) -> None:
    first = await _administrator(admin, make, "Ada")
    second = await _administrator(admin, make, "Bob")
    await admin.save("core.user", first, role="seller")
    with pytest.raises(Veto):
        await admin.save("core.user", second, active=False)


async def test_an_administrator_without_a_password_is_no_other_one(
    admin: Context, make: Make
) -> None:
    last = await _administrator(admin, make, "Ada")
    await make("core.user", name="Invited", role="administrator")
    with pytest.raises(Veto):
        await admin.save("core.user", last, active=False)


async def test_undo_cannot_take_the_last_administrator_either(admin: Context, make: Make) -> None:
    first = await _administrator(admin, make, "Ada")
    second = await make("core.user", name="Bob")
    await admin.save("core.user", second, role="administrator")
    operation = (await list_operations(admin))[0].id
    await admin.db.execute("UPDATE core_user SET password_hash = 'x' WHERE id = $1", second)
    await admin.save("core.user", first, active=False)
    result = await undo_operation(admin, operation)
    assert (("core.user", second),) == result.kept
    assert "administrator" == (await admin.get("core.user", second))["role"]


async def test_nobody_gives_more_than_they_have(admin: Context, make: Make, act_as: Login) -> None:
    manager = await act_as("manager")
    # A manager who may edit users, as a site's own roles could have it.
    rights = replace(
        manager, principal=replace(manager.principal, role=_with_users(manager.principal.role))
    )
    seller = await make("core.user", name="Bob", role="read-only")
    with pytest.raises(Veto) as refused:
        await rights.save("core.user", seller, role="administrator")
    assert {"role"} == set(refused.value.problems)
    with pytest.raises(Veto):
        await admin.save("core.user", seller, role="emperor")


def _with_users(role: Role) -> Role:
    """Answer a role that may edit users as well."""
    more = tuple(Right("core.user", verb, "all") for verb in ("read", "edit"))
    return Role(role.name, role.label, (*role.rights, *more))


async def test_a_role_of_the_site_decides(db: Database, make: Make, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "roles.toml").write_text(
        '[administrator]\nlabel = "Administrator"\nrights."*" = { read = "all" }\n'
        '[assistant]\nlabel = "Assistant"\nrights."crm.person" = { read = "all" }\n'
    )
    site = site_of(Config(folder=tmp_path))
    user = await make("core.user", name="Eve")
    await db.execute("UPDATE core_user SET role = 'assistant' WHERE id = $1", user)
    session = await open_session(db, user, "127.0.0.1", "test")
    principal = await find_session(db, session.token, site.roles)
    assert principal is not None
    assert ("all", "none") == (
        principal.role.scope("crm.person", "read"),
        principal.role.scope("crm.company", "read"),
    )
    choices = site.entity("core.user").fields["role"].choices
    assert ["administrator", "assistant"] == [choice.value for choice in choices]


def test_a_wrong_role_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "roles.toml"
    for text in ("[seller]\nlabel = 1", "[seller", '[seller]\nlabel = "S"\n'):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"roles\.toml"):
            site_of(Config(folder=tmp_path))
