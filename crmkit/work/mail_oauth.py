"""Access tokens for mail providers that want OAuth 2, made of refresh tokens (RFC 6749, 6)."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from crmkit.access.sealing import seal, unseal
from crmkit.errors import UnavailableError
from crmkit.work.mail.accounts import is_here
from crmkit.work.mail.session import MailboxError
from crmkit.work.outgoing import post

if TYPE_CHECKING:
    from crmkit.config import OAuthConfig
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

#: Seconds before its end at which a token is renewed: longer than signing in takes.
_EARLY = 120
_USUAL = 3600
_LONGEST_ANSWER = 60_000
_OK = 200
_SERVER_ERROR = 500
_TOO_MANY = 429
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class _Granted(msgspec.Struct):
    access_token: str = ""
    expires_in: int | float | str = _USUAL
    refresh_token: str = ""
    error: str = ""


async def access_token(ctx: Context, account: MailAccount) -> str:
    """Answer a token to sign in with; "" for an account with a password.

    Raises:
        ConfigError: What is stored cannot be read.
        MailboxError: crmkit.toml does not name the provider, or that gives none.
    """
    if not account.oauth:
        return ""
    if account.token and account.token_until and _is_fresh(ctx, account.token_until):
        return unseal(ctx.config, account.token)
    provider = ctx.config.mail.oauth.get(account.oauth)
    if provider is None:
        raise MailboxError(
            f"{account.address} signs in by [mail.oauth.{account.oauth}], which crmkit.toml lacks.",
            account_at_fault=True,
        )
    # A provider may have called the old refresh token back when it gave the new one: that stands
    # whatever becomes of the caller's transaction.
    loop = asyncio.get_running_loop()
    work = _renew(ctx, account.id, account.address, provider)
    answer: str = await loop.create_task(work, context=contextvars.Context())
    return answer


def _is_fresh(ctx: Context, until: Any) -> bool:  # noqa: ANN401 - a moment of the database
    return bool(until - timedelta(seconds=_EARLY) > ctx.now())


async def _renew(ctx: Context, number: int, address: str, provider: OAuthConfig) -> str:
    """Get a token and keep it; of several who want one at the same time, one asks."""
    async with ctx.db.transaction():
        await ctx.db.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"mail oauth {number}"
        )
        row = await ctx.db.row(
            "SELECT password, token, token_until FROM core_mail_account WHERE id = $1", number
        )
        if row is None:
            raise MailboxError(f"The account {address} is gone.")
        if row["token"] and row["token_until"] and _is_fresh(ctx, row["token_until"]):
            return unseal(ctx.config, row["token"])
        granted = await _ask(provider, unseal(ctx.config, row["password"]), address)
        try:
            seconds = min(float(granted.expires_in), 24 * 3600.0)
        except ValueError:
            seconds = _USUAL
        password = (
            seal(ctx.config, granted.refresh_token) if granted.refresh_token else row["password"]
        )
        await ctx.db.execute(
            "UPDATE core_mail_account SET token = $2, token_until = $3, password = $4 "
            "WHERE id = $1 AND password = $5",
            number, seal(ctx.config, granted.access_token),
            ctx.now() + timedelta(seconds=seconds), password, row["password"],
        )  # fmt: skip
    return granted.access_token


async def _ask(provider: OAuthConfig, refresh_token: str, address: str) -> _Granted:
    """Ask for an access token.

    Raises:
        MailboxError: None was given, or the address would give the tokens away.
    """
    parts = urlsplit(provider.token_url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not is_here(host):
        raise MailboxError(
            f"`token_url` of {host} in crmkit.toml must begin with https://.", account_at_fault=True
        )
    form = {
        "grant_type": "refresh_token", "refresh_token": refresh_token,
        "client_id": provider.client_id, "client_secret": provider.client_secret,
        "scope": provider.scope,
    }  # fmt: skip
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    try:
        # The administrator wrote the address; it may be within the company's network.
        answer = await post(
            provider.token_url, body, _FORM, allow_private=True, longest=_LONGEST_ANSWER
        )
        granted = msgspec.json.decode(answer.text, type=_Granted)
    except UnavailableError as error:
        raise MailboxError(error.message) from error
    except msgspec.MsgspecError as error:
        raise MailboxError(f"{host} answered {answer.status} and no token.") from error
    if answer.status != _OK or not granted.access_token:
        is_busy = answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY
        said = granted.error[:60] or str(answer.status)
        hint = "Try again later." if is_busy else "Enter a new refresh token."
        raise MailboxError(
            f"{host} gives {address} no token: {said}. {hint}", account_at_fault=not is_busy
        )
    return granted
