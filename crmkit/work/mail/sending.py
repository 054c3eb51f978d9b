"""Sends one message, and tells apart what can be sent again and what must not."""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from crmkit.model.values import N_, Sentence
from crmkit.work.mail.accounts import check_secrecy, make_tls, refusal_of
from crmkit.work.mail.outcome import PERMANENT, Outcome, Refusal, SendResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiosmtplib

    from crmkit.work.mail.accounts import SmtpAccount

_LONGEST_TEXT = 500
_NO_ADDRESS = re.compile(r"[\x00-\x20\x7f<>]")
_QUIT_SECONDS = 3.0
_DENIED = {530, 534, 535, 538}


async def send(
    account: SmtpAccount, message: bytes, sender: str, recipients: Sequence[str]
) -> SendResult:
    """Send one message once; no try is repeated here.

    A cancelled call leaves it open whether the message was taken; treat that as `UNKNOWN`.

    Args:
        message: As `compose` wrote it.
        sender: Envelope address, where bounces go; "" for none (RFC 5321, 4.5.5).
        recipients: Envelope addresses, at least one.

    Raises:
        ConfigError: The account would send its password in the clear, or names no readable
            certificate authority. Everything else is in the result.
    """
    import aiosmtplib  # noqa: PLC0415 - for those who send

    check_secrecy(account)
    problem = _check_envelope(sender, recipients)
    if problem:
        return _failure(Outcome.PERMANENT, "recipients", problem)
    client = aiosmtplib.SMTP(
        hostname=account.host,
        port=account.port,
        timeout=account.timeout,
        local_hostname=account.local_name or None,
        use_tls=account.tls == "implicit",
        start_tls=account.tls == "starttls",
        tls_context=None if account.tls == "plain" else make_tls(account),
    )
    try:
        failed = await _open(client, account)
        return failed or await _transfer(client, account, message, sender, list(recipients))
    finally:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            if client.is_connected:
                await client.quit(timeout=_QUIT_SECONDS)
        client.close()


def _check_envelope(sender: str, recipients: Sequence[str]) -> str:
    """Say what is wrong with the addresses, "" for nothing; the library would mend and send."""
    if not recipients:
        return Sentence(N_("The message has no recipient."))
    wrong = [one for one in (sender, *recipients) if _NO_ADDRESS.search(one)]
    text = N_("{address} cannot be an address.")
    return Sentence(text, address=repr(wrong[0][:100])) if wrong else ""


async def _open(client: aiosmtplib.SMTP, account: SmtpAccount) -> SendResult | None:
    """Connect and sign in; None when that worked."""
    import aiosmtplib  # noqa: PLC0415 - as above

    try:
        await client.connect()
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()
    except aiosmtplib.SMTPResponseException as error:
        return _answered(error, "connect", account_at_fault=error.code >= PERMANENT)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        # A certificate does not become right by trying again, nor does a server without STARTTLS.
        fault = _is_tls(error) or "STARTTLS" in str(error)
        return _failure(Outcome.TEMPORARY, "connect", str(error), account_at_fault=fault)
    if not account.username:
        return None
    try:
        await sign_in(client, account)
    except aiosmtplib.SMTPResponseException as error:
        # A wrong password is no reason to give a message up.
        is_fault = error.code >= PERMANENT
        return _failure(
            Outcome.TEMPORARY,
            "login",
            refusal_of(account, _short(error.message)) if is_fault else error.message,
            code=error.code,
            account_at_fault=is_fault,
        )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        offers = isinstance(error, ConnectionError | TimeoutError)
        return _failure(Outcome.TEMPORARY, "login", str(error), account_at_fault=not offers)
    return None


async def sign_in(client: aiosmtplib.SMTP, account: SmtpAccount) -> None:
    """Sign in by token or password.

    Raises:
        SMTPException: The server refuses or cannot do it.
    """
    if account.token:
        await client.auth_xoauth2(account.username, account.token)
    else:
        await client.login(account.username, account.password)


async def _transfer(
    client: aiosmtplib.SMTP,
    account: SmtpAccount,
    message: bytes,
    sender: str,
    recipients: list[str],
) -> SendResult:
    import aiosmtplib  # noqa: PLC0415 - as above

    refused: list[Refusal] = []
    stage = "sender"
    try:
        options, encoding = _options(client, message, [sender, *recipients])
        await client.mail(sender, options=options, encoding=encoding)
        stage = "recipients"
        for address in recipients:
            try:
                await client.rcpt(address, encoding=encoding)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(Refusal(address, error.code, error.message[:_LONGEST_TEXT]))
        lost = {one.address for one in refused}
        taken = tuple(one for one in recipients if one not in lost)
        if not taken:
            return _all_refused(tuple(refused))
        stage = "data"
        answer = await client.data(message, timeout=account.data_timeout)
    except (aiosmtplib.SMTPNotSupported, ValueError) as error:
        return _failure(Outcome.PERMANENT, stage, str(error))
    except aiosmtplib.SMTPResponseException as error:
        return _answered(error, stage, refused=tuple(refused))
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        if stage != "data":
            return _failure(Outcome.TEMPORARY, stage, str(error))
        # The library does not say whether the server had asked for the message yet. When in
        # doubt it is unknown: a second copy cannot be taken back, a first can still be sent.
        return SendResult(
            outcome=Outcome.UNKNOWN,
            accepted=taken,
            refused=tuple(refused),
            text=_short(str(error)) or Sentence(N_("The connection ended before the answer.")),
        )
    return SendResult(
        outcome=Outcome.ACCEPTED,
        accepted=taken,
        refused=tuple(refused),
        code=answer.code,
        text=_short(answer.message),
    )


def _options(
    client: aiosmtplib.SMTP, message: bytes, addresses: list[str]
) -> tuple[list[str], str]:
    """Choose what is said of the message beforehand (RFC 1870, 6152, 6531).

    Raises:
        SMTPNotSupported: An address needs SMTPUTF8 and the server has none.
    """
    import aiosmtplib  # noqa: PLC0415 - as above

    options = [f"SIZE={len(message)}"] if client.supports_extension("size") else []
    head = message.partition(b"\r\n\r\n")[0]
    if all(one.isascii() for one in addresses) and head.isascii():
        if not message.isascii() and client.supports_extension("8bitmime"):
            options.append("BODY=8BITMIME")
        return options, "ascii"
    if not client.supports_extension("smtputf8"):
        raise aiosmtplib.SMTPNotSupported(
            "The server knows no addresses with letters beyond ASCII (SMTPUTF8)."
        )
    return [*options, "SMTPUTF8", "BODY=8BITMIME"], "utf-8"


def _all_refused(refused: tuple[Refusal, ...]) -> SendResult:
    permanent = all(one.permanent for one in refused)
    return SendResult(
        outcome=Outcome.PERMANENT if permanent else Outcome.TEMPORARY,
        refused=refused,
        stage="recipients",
        code=refused[0].code,
        text=_short(refused[0].text),
        account_at_fault=all(one.code in _DENIED for one in refused),
    )


def _answered(
    error: aiosmtplib.SMTPResponseException,
    stage: str,
    *,
    refused: tuple[Refusal, ...] = (),
    account_at_fault: bool = False,
) -> SendResult:
    """Judge by the code of an answer: 5xx never, all others later (RFC 5321, 4.2.1)."""
    denied = error.code in _DENIED or account_at_fault
    permanent = error.code >= PERMANENT and not denied
    return SendResult(
        outcome=Outcome.PERMANENT if permanent else Outcome.TEMPORARY,
        refused=refused,
        stage=stage,
        code=error.code,
        text=_short(error.message),
        account_at_fault=denied,
    )


def _failure(
    outcome: Outcome, stage: str, text: str, *, code: int = 0, account_at_fault: bool = False
) -> SendResult:
    return SendResult(
        outcome=outcome,
        stage=stage,
        code=code,
        text=_short(text),
        account_at_fault=account_at_fault,
    )


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _short(text: str) -> str:
    # What is said in other words later was made of short parts.
    return text if isinstance(text, Sentence) else " ".join(text.split())[:_LONGEST_TEXT]
