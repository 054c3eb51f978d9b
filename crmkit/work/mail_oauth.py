"""Tokens of mail providers that want OAuth 2, and access tokens of refresh tokens (RFC 6749, 6)."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from crmkit.access.sealing import seal, unseal
from crmkit.errors import UnavailableError
from crmkit.model.values import N_, Sentence
from crmkit.work.mail.accounts import is_here
from crmkit.work.mail.session import MailboxError
from crmkit.work.outgoing import post

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crmkit.config import OAuthConfig
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

#: Seconds before its end at which a token is renewed: longer than signing in takes.
_EARLY = 120
_USUAL = 3600
_LONGEST_LIFE = 24 * 3600
_LONGEST_ANSWER = 60_000
_OK = 200
_SERVER_ERROR = 500
_TOO_MANY = 429
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
#: Errors of a token endpoint that are the administrator's to mend (RFC 6749, 5.2).
_OF_SETTINGS = frozenset({"invalid_client", "unauthorized_client", "invalid_scope"})


class Granted(msgspec.Struct):
    """What a token endpoint answered (RFC 6749, 5.1 and 5.2).

    Attributes:
        expires_in: Seconds, as a number or in digits.
    """

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
            ctx.translate(
                N_("{address} signs in by [mail.oauth.{name}], which crmkit.toml lacks.")
            ).format(address=account.address, name=account.oauth),
            account_at_fault=True,
        )
    # A provider may have called the old refresh token back when it gave the new one: that stands
    # whatever becomes of the caller's transaction.
    loop = asyncio.get_running_loop()
    work = _renew(ctx, account, provider)
    answer: str = await loop.create_task(work, context=contextvars.Context())
    return answer


def _is_fresh(ctx: Context, until: datetime) -> bool:
    return until - timedelta(seconds=_EARLY) > ctx.now()


def token_end(ctx: Context, granted: Granted) -> datetime:
    """Answer when an access token ends that was given just now; a day later at most."""
    try:
        seconds = float(granted.expires_in)
    except ValueError:
        seconds = _USUAL
    # Also of "nan".
    return ctx.now() + timedelta(seconds=min(seconds, _LONGEST_LIFE) if seconds > 0 else _USUAL)


async def _renew(ctx: Context, account: MailAccount, provider: OAuthConfig) -> str:
    """Get a token and keep it; of several who want one at the same time, one asks."""
    number, address = account.id, account.address
    async with ctx.db.transaction():
        await ctx.db.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"mail oauth {number}"
        )
        row = await ctx.db.row(
            "SELECT password, token, token_until FROM core_mail_account WHERE id = $1", number
        )
        if row is None:
            text = ctx.translate(N_("The account {address} is gone."))
            raise MailboxError(text.format(address=address))
        if row["token"] and row["token_until"] and _is_fresh(ctx, row["token_until"]):
            return unseal(ctx.config, row["token"])
        refresh_token = unseal(ctx.config, row["password"])
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token,
                 "scope": provider.scope}  # fmt: skip
        granted = await ask_for_tokens(ctx, account.oauth, grant, address)
        password = (
            seal(ctx.config, granted.refresh_token) if granted.refresh_token else row["password"]
        )
        await ctx.db.execute(
            "UPDATE core_mail_account SET token = $2, token_until = $3, password = $4 "
            "WHERE id = $1 AND password = $5",
            number, seal(ctx.config, granted.access_token), token_end(ctx, granted),
            password, row["password"],
        )  # fmt: skip
    return granted.access_token


def check_endpoint(url: str, key: str) -> str:
    """Answer the host of an address of a provider.

    Args:
        key: Its key in crmkit.toml.

    Raises:
        MailboxError: Codes and tokens would go through the network unencrypted.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not is_here(host):
        text = N_("`{key}` of {host} in crmkit.toml must begin with https://.")
        raise MailboxError(Sentence(text, key=key, host=host), account_at_fault=True)
    return host


async def ask_for_tokens(
    ctx: Context, name: str, grant: Mapping[str, str], address: str
) -> Granted:
    """Ask a provider of crmkit.toml for an access token.

    Args:
        name: Below `[mail.oauth]`.
        grant: What it is asked for; the client's own credentials are added, and what is empty is
            left out.
        address: Of the account, for sentences.

    Raises:
        MailboxError: None was given, or the address would give the tokens away.
    """
    provider = ctx.config.mail.oauth[name]
    host = check_endpoint(provider.token_url, "token_url")
    form = {**grant, "client_id": provider.client_id, "client_secret": provider.client_secret}
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    try:
        # The administrator wrote the address; it may be within the company's network.
        answer = await post(
            provider.token_url, body, _FORM, allow_private=True, longest=_LONGEST_ANSWER
        )
        granted = msgspec.json.decode(answer.text, type=Granted)
    except UnavailableError as error:
        raise MailboxError(f"{error.message}. {ctx.translate(N_('Try again later.'))}") from error
    except msgspec.MsgspecError as error:
        text = ctx.translate(N_("{host} answered {status} and no token."))
        raise MailboxError(text.format(host=host, status=answer.status)) from error
    if answer.status != _OK or not granted.access_token:
        is_busy = answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY
        said = granted.error[:60] or str(answer.status)
        hint = ctx.translate(
            N_("Try again later.") if is_busy else _remedy(provider, granted.error)
        )
        text = ctx.translate(N_("{host} gives {address} no token: {said}. {hint}"))
        raise MailboxError(
            text.format(host=host, address=address, said=said, hint=hint.format(name=name)),
            account_at_fault=not is_busy,
        )
    return granted


def _remedy(provider: OAuthConfig, error: str) -> str:
    if error in _OF_SETTINGS:
        return N_("An administrator corrects [mail.oauth.{name}] in crmkit.toml.")
    if provider.authorize_url:
        return N_("Sign in again: Settings, Mail.")
    return N_("Enter a new refresh token.")
