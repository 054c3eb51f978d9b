"""Personal tokens of the API: a random secret shown once, its digest in the row."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.sessions import digest
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.context import Principal
from crmkit.model.role import Role, Scope, Verb
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.db.engine import Database

PREFIX = "crm_"
DEFAULT_DAYS = 90
MOST_DAYS = 366
_MOST_TOKENS = 50
_LONGEST_NAME = 100
_TOUCH_SECONDS = 60
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*\.(\*|[a-z][a-z0-9_]*)")
_READING = frozenset({"read", "export"})
#: The secret of a token anywhere in a text, such as the query of an address.
SECRET = re.compile(r"crm_[A-Za-z0-9_-]{43}")


class NarrowRole(Role, frozen=True):
    """The role of a token's owner, seen through the limits of the token: never more.

    Attributes:
        read_only: No verb but reading.
        patterns: Entities it opens, as in roles; empty is all of the owner's.
    """

    read_only: bool = False
    patterns: tuple[str, ...] = ()

    def scope(self, entity: str, verb: Verb) -> Scope:
        """Answer how far the token may use a verb on an entity."""
        if self.read_only and verb not in _READING:
            return "none"
        if self.patterns and not any(_opens(pattern, entity) for pattern in self.patterns):
            return "none"
        # Not super(): a Struct is made anew, and its cell would name the class before.
        return Role.scope(self, entity, verb)


class Token(msgspec.Struct, frozen=True):
    """A token as its owner sees it; moments in UTC."""

    id: int
    name: str
    read_only: bool
    patterns: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime


class NewToken(msgspec.Struct, frozen=True):
    """A token just made; `secret` is shown once and kept nowhere."""

    id: int
    secret: str

    def __repr__(self) -> str:
        """Leave the secret out: what is logged with it must not open anything."""
        return f"NewToken(id={self.id})"


def _opens(pattern: str, entity: str) -> bool:
    return pattern in {"*", entity} or (pattern.endswith(".*") and entity.startswith(pattern[:-1]))


async def make_token(
    db: Database,
    user_id: int,
    name: str,
    *,
    days: int = DEFAULT_DAYS,
    read_only: bool = False,
    patterns: Sequence[str] = (),
) -> NewToken:
    """Make a token of a person.

    Args:
        days: Until it ends, 1 to 366.
        patterns: Entities it is limited to (`crm.person`, `crm.*`); empty is all.

    Raises:
        InvalidError: All problems, by field.
    """
    _check(name, days, patterns)
    secret = PREFIX + secrets.token_urlsafe(32)
    async with db.transaction():
        await db.execute("SELECT 1 FROM core_user WHERE id = $1 FOR UPDATE", user_id)
        await db.execute("DELETE FROM core_token WHERE expires_at < now()")
        number = await db.value("SELECT count(*) FROM core_token WHERE user_id = $1", user_id)
        if number >= _MOST_TOKENS:
            message = N_("There are 50 tokens already. Revoke those that nothing uses.")
            raise InvalidError(message)
        token_id = await db.value(
            "INSERT INTO core_token (digest, user_id, name, read_only, patterns, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, now() + $6::interval) RETURNING id",
            digest(secret),
            user_id,
            name.strip(),
            read_only,
            list(patterns),
            timedelta(days=days),
        )
    return NewToken(token_id, secret)


def _check(name: str, days: int, patterns: Sequence[str]) -> None:
    problems = {}
    if not 1 <= len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        problems["name"] = N_("is needed, of at most 100 characters")
    if not 1 <= days <= MOST_DAYS:
        problems["days"] = N_("is not between 1 and 366 days")
    if any(not _PATTERN.fullmatch(pattern) for pattern in patterns):
        problems["entities"] = N_("holds what is no entity, such as crm.person or crm.*")
    if problems:
        raise InvalidError(N_("The token was not made."), problems)


_FIND = """
WITH RECURSIVE me AS (
    SELECT u.id, u.name, u.role, u.team, u.language, u.time_zone, u.theme, k.id AS token,
        k.read_only, k.patterns, k.used_at
    FROM core_token k JOIN core_user u ON u.id = k.user_id
    WHERE k.digest = $1 AND k.expires_at > now() AND u.active AND u.trashed_at IS NULL
), mine (id) AS (
    SELECT team FROM me WHERE team IS NOT NULL
    UNION SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
), led (id) AS (
    SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
    UNION SELECT t.id FROM core_team t JOIN led ON t.parent = led.id
)
SELECT me.*, ARRAY(SELECT id FROM mine UNION SELECT id FROM led) AS teams,
    (me.used_at IS NULL OR me.used_at < now() - make_interval(secs => $2)) AS stale
FROM me
"""


async def find_token(
    db: Database, secret: str, roles: Mapping[str, Role]
) -> tuple[Principal, int] | None:
    """Answer who a token acts as, and its id; None when unknown, expired or of a disabled person.

    The role is the owner's of this moment, narrowed by the token.
    """
    if not SECRET.fullmatch(secret):
        return None
    row = await db.row(_FIND, digest(secret), _TOUCH_SECONDS)
    role = roles.get(row["role"]) if row is not None else None
    if row is None or role is None:
        return None
    if row["stale"]:
        await db.execute("UPDATE core_token SET used_at = now() WHERE id = $1", row["token"])
    narrow = NarrowRole(
        role.name, role.label, role.rights, row["read_only"], tuple(row["patterns"])
    )
    principal = Principal(
        user_id=row["id"],
        name=row["name"],
        role=narrow,
        teams=tuple(row["teams"]),
        language=row["language"],
        time_zone=row["time_zone"],
        theme=row["theme"],
    )
    return principal, int(row["token"])


async def list_tokens(db: Database, user_id: int) -> list[Token]:
    """List a person's tokens that have not expired, the latest first."""
    rows = await db.rows(
        "SELECT id, name, read_only, patterns, created_at, used_at, expires_at FROM core_token "
        "WHERE user_id = $1 AND expires_at > now() ORDER BY id DESC",
        user_id,
    )
    return [Token(**{**dict(row), "patterns": tuple(row["patterns"])}) for row in rows]


async def revoke_token(db: Database, token_id: int, user_id: int | None = None) -> None:
    """End a token at once.

    Args:
        user_id: Whose it must be; None is the command line, which may end everybody's.

    Raises:
        NotFoundError: There is none, or it is another person's.
    """
    found = await db.value(
        "DELETE FROM core_token WHERE id = $1 AND ($2::bigint IS NULL OR user_id = $2) "
        "RETURNING id",
        token_id,
        user_id,
    )
    if found is None:
        raise NotFoundError(N_("There is no such token. It may have ended already."))
