"""Webhooks out: which other systems are told of which events, and their secrets.

Source:
    Standard Webhooks 1.0 (a new secret and the old one both sign for a while).
"""

from __future__ import annotations

import difflib
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import structlog

from crmkit.errors import ConfigError, InvalidError, NotFoundError
from crmkit.model.values import N_
from crmkit.plugin.stored import raise_generation
from crmkit.work.events import fits
from crmkit.work.outgoing import check_url
from crmkit.work.signing import RENEWAL, make_secret, open_secret, seal_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context

_log = structlog.get_logger("crmkit.webhooks")


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as administrators see it; its secret is shown once."""

    id: int
    name: str
    url: str
    events: list[str]
    active: bool
    failures: int
    paused_until: datetime | None


async def list_webhooks(ctx: Context) -> list[WebhookRow]:
    """List all, by name."""
    rows = await ctx.db.rows(
        "SELECT id, name, url, events, active, failures, paused_until FROM core_webhook "
        "ORDER BY name, id"
    )
    return [WebhookRow(**dict(row)) for row in rows]


async def add_webhook(
    ctx: Context, name: str, url: str, events: Sequence[str], known: Sequence[str]
) -> tuple[int, str]:
    """Add a webhook and answer its number and its secret, which is shown only now.

    Args:
        events: Names or patterns as in `listens`.
        known: Every event there is.

    Raises:
        InvalidError: All problems at once.
    """
    url = _check(ctx, name, url, events, known)
    secret = make_secret()
    async with ctx.db.transaction():
        number: int = await ctx.db.value(
            "INSERT INTO core_webhook (name, url, events, secret, created_by) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING id",
            name.strip()[:100], url, list(events), seal_secret(ctx.config, secret), ctx.user_id,
        )  # fmt: skip
        await raise_generation(ctx.db)
    _log.info("a webhook was made", webhook=number, events=list(events), by=ctx.user_id)
    return number, secret


async def edit_webhook(
    ctx: Context, number: int, name: str, url: str, events: Sequence[str], known: Sequence[str]
) -> None:
    """Tell another address or of other events; the secret stays, and so does the log.

    What waits is sent to the new address, whose failures are counted from none.

    Args:
        events: Names or patterns as in `listens`.
        known: Every event there is.

    Raises:
        NotFoundError: There is none.
        InvalidError: All problems at once.
    """
    async with ctx.db.transaction():
        old = await ctx.db.row(
            "SELECT name, url, events FROM core_webhook WHERE id = $1 FOR UPDATE", number
        )
        if old is None:
            raise _missing(ctx)
        # An event of a plugin that is off by now stays, as long as nobody takes it out.
        url = _check(ctx, name, url, events, [*known, *old["events"]])
        new = {"name": name.strip()[:100], "url": url, "events": list(events)}
        changed = [column for column, value in new.items() if value != old[column]]
        if not changed:
            return
        await ctx.db.execute(
            "UPDATE core_webhook SET name = $2, url = $3, events = $4, "
            "failures = CASE WHEN url = $3 THEN failures ELSE 0 END, "
            "paused_until = CASE WHEN url = $3 THEN paused_until END WHERE id = $1",
            number, *new.values(),
        )  # fmt: skip
        await raise_generation(ctx.db)
    # An address may hold a password of the other system: which one it was is not logged.
    _log.info(
        "a webhook was edited", webhook=number, changed=changed, was=list(old["events"]),
        events=new["events"], by=ctx.user_id,
    )  # fmt: skip


def _check(ctx: Context, name: str, url: str, events: Sequence[str], known: Sequence[str]) -> str:
    """Answer the address as it is called.

    Raises:
        InvalidError: All problems at once.
    """
    problems: dict[str, str] = {}
    if not name.strip():
        problems["name"] = ctx.translate(N_("is needed; fill it in"))
    try:
        url = check_url(url, allow_private=ctx.config.webhooks.allow_private)
    except InvalidError as error:
        problems |= {field: ctx.translate(text) for field, text in error.problems.items()}
    strange = [each for each in events if not any(fits(each, one) for one in known)]
    if not events or strange:
        problems["events"] = _strange(ctx, strange[0] if strange else "", known)
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )
    return url


def _strange(ctx: Context, name: str, known: Sequence[str]) -> str:
    """Say that a pattern fits no event, and which one that is spelled alike does."""
    parts = [each.rpartition(".") for each in known]
    patterns = {f"{entity}.*" for entity, _dot, _verb in parts}
    patterns |= {f"{entity.partition('.')[0]}.*.{verb}" for entity, _dot, verb in parts}
    near = difflib.get_close_matches(name, [*known, *sorted(patterns)], 1)
    if near:
        text = ctx.translate(N_("`{name}` is no event; did you mean `{near}`?"))
        return text.format(name=name, near=near[0])
    text = ctx.translate(N_("`{name}` is no event; such as crm.person.created or crm.*.updated"))
    return text.format(name=name)


async def renew_secret(ctx: Context, number: int) -> str:
    """Give a webhook a new secret and answer it; for a day the old one signs as well.

    Raises:
        NotFoundError: There is none.
    """
    secret, until = make_secret(), ctx.now() + RENEWAL
    async with ctx.db.transaction():
        old = await ctx.db.value("SELECT secret FROM core_webhook WHERE id = $1 FOR UPDATE", number)
        with suppress(ConfigError):  # the key was lost, which is why there is a new one
            open_secret(ctx.config, old or "")
            await ctx.db.execute(
                "UPDATE core_webhook SET old_secret = secret, old_until = $2 WHERE id = $1",
                number, until,
            )  # fmt: skip
        tag = await ctx.db.execute(
            "UPDATE core_webhook SET secret = $2 WHERE id = $1",
            number, seal_secret(ctx.config, secret),
        )  # fmt: skip
        _check_found(ctx, tag)
    return secret


async def switch_webhook(ctx: Context, number: int, *, active: bool) -> None:
    """Switch a webhook on, which also ends a pause, or off.

    Raises:
        NotFoundError: There is none.
    """
    async with ctx.db.transaction():
        tag = await ctx.db.execute(
            "UPDATE core_webhook SET active = $2, failures = 0, paused_until = NULL WHERE id = $1",
            number, active,
        )  # fmt: skip
        _check_found(ctx, tag)
        await raise_generation(ctx.db)
    _log.info("a webhook was switched", webhook=number, active=active, by=ctx.user_id)


async def remove_webhook(ctx: Context, number: int) -> None:
    """Remove a webhook and its log.

    Raises:
        NotFoundError: There is none.
    """
    async with ctx.db.transaction():
        _check_found(ctx, await ctx.db.execute("DELETE FROM core_webhook WHERE id = $1", number))
        await raise_generation(ctx.db)
    _log.info("a webhook was removed", webhook=number, by=ctx.user_id)


def _check_found(ctx: Context, tag: str) -> None:
    if tag.endswith(" 0"):
        raise _missing(ctx)


def _missing(ctx: Context) -> NotFoundError:
    return NotFoundError(ctx.translate(N_("There is no such webhook.")))
