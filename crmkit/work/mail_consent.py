"""The first refresh token of a mail account: a person signs in at the provider and consents.

Source:
    RFC 6749, 4.1 (authorization code); RFC 7636 (PKCE by S256); RFC 9700, 2.1 and 4.4.2.1 (state
    bound to the session and used once, a way back of its own for each provider).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from crmkit.access.sealing import seal, unseal
from crmkit.errors import ForbiddenError, InvalidError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.mail.addresses import check_mailbox
from crmkit.work.mail_accounts import find_account, may_change, save_account
from crmkit.work.mail_checking import SERVER_NAMES, find_servers, refused
from crmkit.work.mail_oauth import ask_for_tokens, check_endpoint, token_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.config import OAuthConfig
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount
    from crmkit.work.mail_oauth import Granted

#: Minutes from the button to the way back.
_MINUTES = 10
#: Bytes of state and verifier: 256 and 384 bits, the latter 64 letters (RFC 7636, 4.1).
_STATE, _VERIFIER = 32, 48
_LONGEST = 60


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that was begun.

    Attributes:
        provider: Name below `[mail.oauth]`.
        account: Whose consent is renewed; None makes a new account.
        shared: The new account is everybody's.
        verifier: Of PKCE, in clear.
        fresh: It was begun less than ten minutes ago.
    """

    provider: str
    address: str
    account: int | None
    shared: bool
    verifier: str
    fresh: bool


def find_provider(ctx: Context, name: str) -> OAuthConfig:
    """Answer a provider that people can sign in at.

    Raises:
        NotFoundError: crmkit.toml has none of that name with an `authorize_url`.
    """
    provider = ctx.config.mail.oauth.get(name)
    if provider is None or not provider.authorize_url:
        text = N_("crmkit.toml names no mail provider {name} to sign in at. Tell an administrator.")
        raise NotFoundError(ctx.translate(text).format(name=name[:_LONGEST]))
    return provider


async def begin_consent(
    ctx: Context, name: str, way_back: str, *, address: str, account: int = 0, shared: bool = False
) -> str:
    """Answer where the person signs in; what was begun before in the session ends.

    Args:
        name: Of the provider.
        way_back: Address of the callback, as registered with the provider.
        address: Of the mailbox; that of the account when there is one.
        account: Number of the account whose consent is renewed; 0 for a new one.

    Raises:
        InvalidError: The address is none, or nobody knows its servers.
        ForbiddenError: The account is somebody else's.
        NotFoundError: There is no such provider or account.
        MailboxError: The provider's address in crmkit.toml is not encrypted.
    """
    provider = find_provider(ctx, name)
    check_endpoint(provider.authorize_url, "authorize_url")
    if account:
        address = (await _own(ctx, account)).address
    else:
        address = _check_address(ctx, provider, address)
    state, verifier = secrets.token_urlsafe(_STATE), secrets.token_urlsafe(_VERIFIER)
    await ctx.db.execute(
        "INSERT INTO core_mail_consent (session, state, provider, address, account, shared, "
        "verifier, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(mins => $8)) "
        "ON CONFLICT (session) DO UPDATE SET (state, provider, address, account, shared, verifier, "
        "expires_at) = (excluded.state, excluded.provider, excluded.address, excluded.account, "
        "excluded.shared, excluded.verifier, excluded.expires_at)",
        ctx.principal.session_id, _digest(state), name, address, account or None, shared,
        seal(ctx.config, verifier), _MINUTES,
    )  # fmt: skip
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    asked = {
        "login_hint": address, **provider.authorize_params, "scope": provider.scope,
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": way_back,
        "state": state, "code_challenge": challenge.rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }  # fmt: skip
    parts = urlsplit(provider.authorize_url)
    query = dict(parse_qsl(parts.query)) | {key: value for key, value in asked.items() if value}
    return parts._replace(query=urlencode(query), fragment="").geturl()


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode(errors="replace")).hexdigest()


def _check_address(ctx: Context, provider: OAuthConfig, typed: str) -> str:
    """Find out before the person leaves what would be wrong when he comes back."""
    try:
        address = check_mailbox(typed.strip()).address
    except InvalidError as error:
        raise refused(ctx, {"address": error.message}) from error
    if find_servers(provider, address.rpartition("@")[2].lower()) is None:
        text = N_("is not known for this address; ask who runs your mail")
        raise refused(ctx, {"address": ctx.translate(text)})
    return address


async def _own(ctx: Context, number: int) -> MailAccount:
    account = await find_account(ctx, number)
    if not may_change(ctx, account):
        raise ForbiddenError(ctx.translate(N_("This mail account is somebody else's.")))
    return account


async def take_consent(ctx: Context, name: str, state: str) -> Consent:
    """Answer what was begun in this session, and use it up.

    Args:
        name: Of the provider whose way back was taken.

    Raises:
        InvalidError: Another session began it, it was used already, or another provider sends it.
    """
    row = await ctx.db.row(
        "DELETE FROM core_mail_consent WHERE session = $1 AND state = $2 AND provider = $3 "
        "RETURNING provider, address, account, shared, verifier, expires_at > now() AS fresh",
        ctx.principal.session_id, _digest(state), name,
    )  # fmt: skip
    if row is None:
        text = N_(
            "This sign-in was not begun here, was used already, or a later one took its place. "
            "Begin again."
        )
        raise InvalidError(ctx.translate(text))
    return Consent(**{**dict(row), "verifier": unseal(ctx.config, row["verifier"])})


async def finish_consent(
    ctx: Context, consent: Consent, told: Mapping[str, str], way_back: str
) -> int:
    """Exchange the provider's code and answer the account that signs in by it from now on.

    An account of the address that the person has already is kept, with its folders.

    Args:
        told: What the provider sent back: `code` or `error`.
        way_back: As of `begin_consent`.

    Raises:
        InvalidError: It took too long, the person did not consent, or something came back that
            makes no account; says what to do.
        MailboxError: The provider gives no tokens.
        ForbiddenError: The account is not the person's any more.
    """
    provider = find_provider(ctx, consent.provider)
    _check_told(ctx, consent, provider, told)
    grant = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": way_back,
             "code_verifier": consent.verifier}  # fmt: skip
    granted = await ask_for_tokens(ctx, consent.provider, grant, consent.address)
    if not granted.refresh_token:
        text = N_(
            "{label} gave no refresh token, so mail would stop within hours. Remove the access in "
            "your account there and sign in again. If that does not help, an administrator "
            "completes `scope` or `authorize_params` of [mail.oauth.{name}] in crmkit.toml."
        )
        raise InvalidError(_about(ctx, consent, provider, text))
    return await _keep(ctx, consent, granted)


def _about(ctx: Context, consent: Consent, provider: OAuthConfig, text: str, said: str = "") -> str:
    label = provider.label or consent.provider
    return ctx.translate(text).format(label=label, name=consent.provider, said=said)


def _check_told(
    ctx: Context, consent: Consent, provider: OAuthConfig, told: Mapping[str, str]
) -> None:
    """Refuse what is no code of a sign-in that was begun just now (RFC 6749, 4.1.2.1)."""
    error = told.get("error", "")[:_LONGEST]
    if not consent.fresh:
        text = N_("The sign-in took longer than ten minutes. Begin again.")
    elif error == "access_denied":
        text = N_("{label} was not allowed to give access. Begin again and allow it there.")
    elif error in {"server_error", "temporarily_unavailable"}:
        text = N_("{label} has a fault of its own now ({said}). Try again later.")
    elif error:
        text = N_(
            "{label} refuses this site: {said}. An administrator corrects [mail.oauth.{name}] in "
            "crmkit.toml and the address of the way back that is registered there."
        )
    elif not told.get("code"):
        text = N_("{label} sent neither a code nor an error. Begin again.")
    else:
        return
    raise InvalidError(_about(ctx, consent, provider, text, error))


async def _keep(ctx: Context, consent: Consent, granted: Granted) -> int:
    """Keep the account with its tokens, the whole of it or nothing."""
    async with ctx.db.transaction():
        number = consent.account or await ctx.db.value(
            "SELECT id FROM core_mail_account WHERE lower(address) = lower($1) "
            "AND owner IS NOT DISTINCT FROM $2",
            consent.address, None if consent.shared else ctx.user_id,
        )  # fmt: skip
        before = await _own(ctx, number) if number else None
        typed = {"address": consent.address, "shared": "1" if consent.shared else ""}
        if before is not None:
            typed = before.as_typed()
        if before is None or before.oauth != consent.provider:
            # It signed in elsewhere until now: its servers are the provider's.
            typed |= dict.fromkeys((*SERVER_NAMES, "username"), "")
        typed |= {"oauth": consent.provider, "password": granted.refresh_token}
        number = await save_account(ctx, typed, number or 0)
        await ctx.db.execute(
            "UPDATE core_mail_account SET token = $2, token_until = $3 WHERE id = $1",
            number, seal(ctx.config, granted.access_token), token_end(ctx, granted),
        )  # fmt: skip
    return number
