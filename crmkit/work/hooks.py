"""Webhooks in: which addresses there are, whom they let in, and their secrets."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.sessions import digest
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.signing import RENEWAL, check_secret, make_secret, seal_secret

if TYPE_CHECKING:
    from crmkit.model.context import Context


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that other systems tell of events, as administrators see it."""

    id: int
    name: str
    signed: bool
    active: bool
    received: int
    last_at: datetime | None


async def list_hooks(ctx: Context) -> list[Hook]:
    """List all, by name."""
    rows = await ctx.db.rows(
        "SELECT id, name, secret <> '' AS signed, active, "
        "(SELECT count(*) FROM core_hook_call WHERE hook = h.id AND state = 'received') "
        "AS received, "
        "(SELECT max(at) FROM core_hook_call WHERE hook = h.id) AS last_at "
        "FROM core_hook h ORDER BY name, id"
    )
    return [Hook(**dict(row)) for row in rows]


async def add_hook(
    ctx: Context, name: str, secret: str = "", *, signed: bool = True
) -> tuple[int, str, str]:
    """Add an address; answer its number, its token and its secret, which are shown only now.

    Args:
        secret: That the sender made; "" makes one here.
        signed: False lets in whoever has the address.

    Raises:
        InvalidError: All problems at once.
    """
    problems: dict[str, str] = {}
    if not name.strip():
        problems["name"] = ctx.translate(N_("is needed; fill it in"))
    try:
        secret = check_secret(secret) if secret.strip() else make_secret()
    except InvalidError as error:
        problems |= {field: ctx.translate(text) for field, text in error.problems.items()}
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )
    token = secrets.token_urlsafe(32)
    secret = secret if signed else ""
    number: int = await ctx.db.value(
        "INSERT INTO core_hook (name, digest, secret, created_by) VALUES ($1, $2, $3, $4) "
        "RETURNING id",
        name.strip()[:100], digest(token), seal_secret(ctx.config, secret) if secret else "",
        ctx.user_id,
    )  # fmt: skip
    return number, token, secret


async def renew_hook(ctx: Context, number: int, secret: str = "", *, keeps: bool = True) -> str:
    """Give a signed address a new secret and answer it.

    Args:
        secret: That the sender made; "" makes one here.
        keeps: For a day the old one fits as well, so that nothing is refused meanwhile.

    Raises:
        InvalidError: The secret is none.
        NotFoundError: There is no such address, or it is told without signatures.
    """
    try:
        secret = check_secret(secret) if secret.strip() else make_secret()
    except InvalidError as error:
        told = {field: ctx.translate(text) for field, text in error.problems.items()}
        raise InvalidError(ctx.translate(N_("The secret was not renewed.")), told) from error
    tag = await ctx.db.execute(
        "UPDATE core_hook SET secret = $2, old_secret = CASE WHEN $3 THEN secret ELSE '' END, "
        "old_until = $4 WHERE id = $1 AND secret <> ''",
        number, seal_secret(ctx.config, secret), keeps, ctx.now() + RENEWAL if keeps else None,
    )  # fmt: skip
    _check_found(ctx, tag)
    return secret


async def renew_address(ctx: Context, number: int) -> str:
    """Give an address that is told without signatures a new token and answer it.

    Raises:
        NotFoundError: There is no such address, or its secret is what is renewed.
    """
    token = secrets.token_urlsafe(32)
    tag = await ctx.db.execute(
        "UPDATE core_hook SET digest = $2 WHERE id = $1 AND secret = ''", number, digest(token)
    )
    _check_found(ctx, tag)
    return token


async def switch_hook(ctx: Context, number: int, *, active: bool) -> None:
    """Switch an address on or off; while it is off, it is not there.

    Raises:
        NotFoundError: There is none.
    """
    tag = await ctx.db.execute("UPDATE core_hook SET active = $2 WHERE id = $1", number, active)
    _check_found(ctx, tag)


async def remove_hook(ctx: Context, number: int) -> None:
    """Remove an address and its log.

    Raises:
        NotFoundError: There is none.
    """
    _check_found(ctx, await ctx.db.execute("DELETE FROM core_hook WHERE id = $1", number))


def _check_found(ctx: Context, tag: str) -> None:
    if tag.endswith(" 0"):
        raise NotFoundError(ctx.translate(N_("There is no such webhook.")))
