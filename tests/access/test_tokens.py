"""TRUST A6: a token opens never more than its owner, and ends with the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.access.sessions import digest
from crmkit.access.tokens import (
    NarrowRole,
    NewToken,
    find_token,
    list_tokens,
    make_token,
    revoke_token,
)
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.role import VERBS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.role import Role
    from crmkit.plugin.site import Site

    Make = Callable[..., Awaitable[int]]

_WIDTH = {"none": 0, "own": 1, "team": 2, "all": 3}
_LIMITS = [
    {},
    {"read_only": True},
    {"patterns": ("crm.person",)},
    {"patterns": ("crm.*",)},
    {"patterns": ("*",)},
    {"patterns": ("crm.person", "core.*"), "read_only": True},
]


@pytest.mark.parametrize("limits", _LIMITS, ids=str)
def test_a_token_is_never_wider_than_its_role(
    roles: Mapping[str, Role], site: Site, limits: dict[str, object]
) -> None:
    for role in roles.values():
        narrow = NarrowRole(role.name, role.label, role.rights, **limits)  # type: ignore[arg-type]
        for entity in site.entities:
            for verb in VERBS:
                scope = narrow.scope(entity, verb)
                assert _WIDTH[scope] <= _WIDTH[role.scope(entity, verb)]
                if limits.get("read_only") and verb not in {"read", "export"}:
                    assert "none" == scope
                if limits.get("patterns") == ("crm.person",) and entity != "crm.person":
                    assert "none" == scope


async def _person(db: Database, role: str = "manager") -> int:
    found: int = await db.value(
        "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', $1) RETURNING id", role
    )
    return found


async def test_only_the_digest_is_kept_and_use_is_noted(
    db: Database, roles: Mapping[str, Role]
) -> None:
    user = await _person(db)
    token = await make_token(db, user, "Sync", patterns=["crm.*"])

    found = await find_token(db, token.secret, roles)

    assert found is not None
    assert (user, token.id) == (found[0].user_id, found[1])
    assert digest(token.secret) == await db.value("SELECT digest FROM core_token")
    stored = await db.value("SELECT string_agg(t::text, ' ') FROM core_token t")
    assert token.secret not in stored
    shown = (await list_tokens(db, user))[0]
    assert ("Sync", ("crm.*",), 90) == (
        shown.name,
        shown.patterns,
        (shown.expires_at - shown.created_at).days,
    )
    assert shown.used_at is not None


async def test_a_token_shrinks_with_the_role_of_its_owner(
    db: Database, roles: Mapping[str, Role], admin: Context
) -> None:
    user = await _person(db, "manager")
    token = await make_token(db, user, "Sync")
    await admin.save("core.user", user, role="read-only")

    found = await find_token(db, token.secret, roles)

    assert found is not None
    assert "none" == found[0].role.scope("crm.person", "edit")


@pytest.mark.parametrize("change", ["disable", "trash", "delete", "expire", "revoke", "no role"])
async def test_a_token_ends(
    db: Database, roles: Mapping[str, Role], admin: Context, change: str
) -> None:
    user = await _person(db)
    token = await make_token(db, user, "Sync")
    if change == "disable":
        await admin.save("core.user", user, active=False)
        await admin.save("core.user", user, active=True)  # what has ended stays so
    elif change == "trash":
        await admin.trash("core.user", user)
    elif change == "delete":
        await db.execute("DELETE FROM core_user WHERE id = $1", user)
    elif change == "expire":
        await db.execute("UPDATE core_token SET expires_at = now() - interval '1 second'")
    elif change == "revoke":
        await revoke_token(db, token.id, user)
    else:
        await db.execute("UPDATE core_user SET role = 'gone' WHERE id = $1", user)

    assert await find_token(db, token.secret, roles) is None


@pytest.mark.parametrize("secret", ["", "crm_", "crm_" + "a" * 43, "x" * 47, "crm_\x00", "ä"])
async def test_a_foreign_secret_is_nobody(
    db: Database, roles: Mapping[str, Role], secret: str
) -> None:
    assert await find_token(db, secret, roles) is None


async def test_nobody_revokes_anothers_token(db: Database) -> None:
    token = await make_token(db, await _person(db), "Sync")
    with pytest.raises(NotFoundError):
        await revoke_token(db, token.id, await _person(db))


async def test_all_problems_of_a_token_are_told(db: Database) -> None:
    user = await _person(db)
    with pytest.raises(InvalidError) as caught:
        await make_token(db, user, " ", days=0, patterns=["crm.person; DROP"])
    assert {"name", "days", "entities"} == set(caught.value.problems)


def test_a_token_that_is_logged_does_not_tell_its_secret() -> None:
    assert "NewToken(id=7)" == repr(NewToken(7, "crmkit_secret"))
