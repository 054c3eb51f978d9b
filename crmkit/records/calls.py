"""Calls that come in, and telephones that call for somebody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import CrmkitError, InvalidError, NotFoundError, UnavailableError
from crmkit.model.values import N_
from crmkit.records.callers import number_end
from crmkit.work.events import publish

if TYPE_CHECKING:
    from crmkit.model.adapters import Adapter
    from crmkit.model.context import Context
    from crmkit.model.site import SiteLike

RECEIVED = "core.call.received"
#: For so long a call is told to who is called, unless it was closed before.
_RINGING = timedelta(minutes=5)
_LONGEST = 60
_LONGEST_KEY = 200
_MOST = 3
_NUMBER = frozenset("0123456789+*#();= .-/extp")


class Call(msgspec.Struct, frozen=True):
    """A call that came in; `at` is aware UTC."""

    id: int
    caller: str
    called: str
    at: datetime


async def receive_call(
    ctx: Context,
    key: str,
    caller: str,
    called: str,
    *,
    at: datetime | None = None,
    source: str = "",
) -> int:
    """Tell that a call comes in: to who has the called number, and to plugins as an event.

    A plugin that talks to a telephone system calls it; others send `POST /api/v1/calls`. Told
    twice with the same key, it is one call.

    Args:
        key: The telephone system's own name of the call.
        caller: Number of who calls, "" when it is withheld.
        called: Number or extension that is called.
        at: Aware moment it began; None is now.
        source: Id of the plugin, or whatever else the keys are unique in.

    Returns:
        How many people are told.

    Raises:
        InvalidError: A number or the key does not fit; names the fields.
    """
    _check(ctx, key, caller, called, at)
    async with ctx.db.transaction():
        row = await ctx.db.row(
            "INSERT INTO core_call (source, key, caller, called, began_at, users) "
            "VALUES ($1, $2, $3, $4, $5, ARRAY(SELECT id FROM core_user WHERE $6 <> '' AND "
            "right(regexp_replace(phone, '\\D', '', 'g'), 9) = $6 AND phone <> '' "
            "AND active AND trashed_at IS NULL ORDER BY id)) "
            "ON CONFLICT (source, key) DO NOTHING RETURNING users",
            source, key, caller, called, at or ctx.now(), number_end(called),
        )  # fmt: skip
        if row is None:
            users = await ctx.db.value(
                "SELECT users FROM core_call WHERE source = $1 AND key = $2", source, key
            )
            return len(users or ())
        data = {
            "id": key, "from": caller, "to": called, "at": (at or ctx.now()).isoformat(),
            "users": list(row["users"]),
        }  # fmt: skip
        await publish(ctx, RECEIVED, data=data)
    return len(row["users"])


def _check(ctx: Context, key: str, caller: str, called: str, at: datetime | None) -> None:
    problems = {}
    if not 1 <= len(key) <= _LONGEST_KEY or "\x00" in key:
        problems["id"] = ctx.translate(N_("is needed, of at most 200 characters"))
    for name, number in (("from", caller), ("to", called)):
        if len(number) > _LONGEST or not number.isprintable():
            problems[name] = ctx.translate(N_("is no telephone number"))
    if not number_end(called):
        problems["to"] = ctx.translate(N_("is no telephone number"))
    if at is not None and at.tzinfo is None:
        problems["at"] = ctx.translate(N_("needs a time zone, such as 2026-05-04T09:30:00Z"))
    if problems:
        raise InvalidError(ctx.translate(N_("The call was not taken up.")), problems)


async def list_ringing(ctx: Context) -> list[Call]:
    """Answer calls to the reader of the last minutes that were not closed, the latest first."""
    rows = await ctx.db.rows(
        "SELECT id, caller, called, began_at FROM core_call "
        "WHERE received_at > now() - $2::interval AND $1 = ANY(users) AND $1 <> ALL(seen_by) "
        "ORDER BY id DESC LIMIT $3",
        ctx.user_id, _RINGING, _MOST,
    )  # fmt: skip
    return [Call(row["id"], row["caller"], row["called"], row["began_at"]) for row in rows]


async def close_call(ctx: Context, number: int) -> Call:
    """Tell a call no more to the reader, and answer it.

    Raises:
        NotFoundError: There is none, or it was to somebody else.
    """
    row = await ctx.db.row(
        "UPDATE core_call SET seen_by = CASE WHEN $2 = ANY(seen_by) THEN seen_by "
        "ELSE seen_by || $2::bigint END WHERE id = $1 AND $2 = ANY(users) "
        "RETURNING id, caller, called, began_at",
        number if abs(number) < 2**63 else 0, ctx.user_id,
    )  # fmt: skip
    if row is None:
        raise NotFoundError(ctx.translate(N_("There is no such call to you any more.")))
    return Call(row["id"], row["caller"], row["called"], row["began_at"])


def dialers(site: SiteLike) -> list[tuple[str, Adapter]]:
    """Answer the telephones that plugins bring, each with its plugin's id."""
    return [(plugin, each) for plugin, each in site.contributions["channels"] if each.dial]


async def dial(ctx: Context, number: str) -> str:
    """Let the first telephone that a plugin brings call a number; answer its label.

    Raises:
        NotFoundError: No plugin that is on brings one.
        InvalidError: It is no number.
        UnavailableError: The telephone cannot be reached now, or says why it does not call.
    """
    if not 1 <= len(number) <= _LONGEST or not set(number) <= _NUMBER or not number_end(number):
        raise InvalidError(ctx.translate(N_("This is no telephone number.")))
    found = dialers(ctx.site)
    if not found:
        raise NotFoundError(ctx.translate(N_("No plugin that is on brings a telephone.")))
    plugin, adapter = found[0]

    async def call(_event: object) -> str:
        try:
            if adapter.dial is not None:
                await adapter.dial(ctx, number)
        except CrmkitError as error:
            return error.message  # meant for the person; no failure of the plugin
        return ""

    worked, refusal = await ctx.site.hooks.attempt(plugin, f"channel {adapter.name}", None, call)
    if not worked:
        raise UnavailableError(
            ctx.translate(N_("The telephone could not be reached. Try again, or dial by hand."))
        )
    if refusal:
        raise UnavailableError(str(refusal))
    return adapter.label
