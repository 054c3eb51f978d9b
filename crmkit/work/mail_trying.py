"""Signs in to the servers of an account, to tell whether it is set right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crmkit.errors import CrmkitError
from crmkit.model.values import N_, in_words
from crmkit.work.mail.accounts import check_secrecy, make_tls
from crmkit.work.mail.sending import sign_in
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import reading
from crmkit.work.mail_folders import INBOX
from crmkit.work.mail_oauth import access_token

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

_TEST_SECONDS = 10.0


async def try_account(ctx: Context, account: MailAccount) -> dict[str, str]:
    """Sign in to the servers of an account; answer `smtp` and `imap` to what is wrong, if it is."""
    problems = {}
    for name, attempt in (("smtp", _try_smtp), ("imap", _try_imap)):
        if name == "imap" and not account.imap_host:
            continue
        try:
            async with asyncio.timeout(_TEST_SECONDS):
                await attempt(ctx, account)
        except TimeoutError:
            problems[name] = ctx.translate(
                N_("The server {host} does not answer. Check its name and port.")
            ).format(host=account.smtp_host if name == "smtp" else account.imap_host)
        except CrmkitError as error:
            problems[name] = in_words(error.message, ctx.translate)
    return problems


async def _try_imap(ctx: Context, account: MailAccount) -> None:
    async with reading(ctx, account) as reader:
        for folder in account.folders or (INBOX,):
            await reader.make_cursor(folder)


async def _try_smtp(ctx: Context, account: MailAccount) -> None:
    """Connect and sign in.

    Raises:
        MailboxError: It did not work; says at which step.
    """
    import aiosmtplib  # noqa: PLC0415 - for those who send

    smtp = account.smtp(ctx, await access_token(ctx, account))
    check_secrecy(smtp)
    client = aiosmtplib.SMTP(
        hostname=smtp.host, port=smtp.port, timeout=_TEST_SECONDS, local_hostname=smtp.local_name,
        use_tls=smtp.tls == "implicit", start_tls=smtp.tls == "starttls",
        tls_context=None if smtp.tls == "plain" else make_tls(smtp),
    )  # fmt: skip
    try:
        await client.connect()
        if smtp.username:
            await sign_in(client, smtp)
    except aiosmtplib.SMTPAuthenticationError as error:
        text = N_("{host} refuses the user name or password. Some hosts want an app password.")
        if smtp.token:
            text = N_(
                "{host} refuses the token: sign in as this address, and allow sending of mail."
            )
        raise MailboxError(ctx.translate(text).format(host=smtp.host)) from error
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        text = N_("{host} cannot be reached as it is set: check server, port and encryption.")
        raise MailboxError(ctx.translate(text).format(host=smtp.host)) from error
    finally:
        client.close()
