"""Accounts mail leaves by and is read from: kept, tried, told of what goes wrong with them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.sealing import seal, unseal
from crmkit.errors import ConfigError, ForbiddenError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.mail.accounts import ImapAccount, SmtpAccount, Tls
from crmkit.work.mail.reading import MailboxReader
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_checking import check_account, refused
from crmkit.work.mail_oauth import access_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from crmkit.model.context import Context


class MailAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it is kept.

    Attributes:
        owner: Whose it is; None is shared.
        folders: Which are read; none are the inbox and that of sent mail.
        oauth: Name below `[mail.oauth]`; then `password` is a refresh token, and `token` an
            access token made of it.
        sends_notices: Messages that nobody in particular writes leave by it.
        share_with: Patterns of `mail_sharing`: mail of an own account with them is shared with the
            team from the beginning.
        keep_private: The same of mail that never is, whatever `share_with` says.
        receipt: Name of the mail template that answers who begins a conversation; "" is none.
        error: What went wrong with reading last, "" when the last try went well.
        send_error: The same of sending.
    """

    id: int = 0
    name: str = ""
    address: str
    owner: int | None = None
    team: int | None = None
    smtp_host: str
    smtp_port: int
    smtp_tls: Tls
    imap_host: str
    imap_port: int
    imap_tls: Tls
    username: str = ""
    password: bytes = b""
    folders: tuple[str, ...] = ()
    oauth: str = ""
    token: bytes = b""
    token_until: datetime | None = None
    active: bool = True
    sends_notices: bool = False
    receipt: str = ""
    share_with: tuple[str, ...] = ()
    keep_private: tuple[str, ...] = ()
    read_at: datetime | None = None
    sent_at: datetime | None = None
    error: str = ""
    send_error: str = ""
    created_at: datetime | None = None

    def __repr__(self) -> str:
        """Leave out the password, as logs and errors show this."""
        return f"MailAccount({self.id}, {self.address})"

    @property
    def trouble(self) -> str:
        """What is wrong with the account, "" when it works."""
        return " ".join(dict.fromkeys(each for each in (self.error, self.send_error) if each))

    @property
    def domain(self) -> str:
        """The domain of the address."""
        return self.address.rpartition("@")[2].lower()

    def as_typed(self) -> dict[str, str]:
        """Answer it as `save_account` takes it, without its password."""
        names = ("address", "name", "username", "smtp_host", "smtp_port", "smtp_tls", "imap_host",
                 "imap_port", "imap_tls", "oauth")  # fmt: skip
        found = {name: str(getattr(self, name)) for name in names}
        for name in _LISTS:
            found[name] = ", ".join(getattr(self, name))
        return found | {"team": str(self.team or ""), "shared": "1" if not self.owner else "",
                        "sends_notices": "1" if self.sends_notices else ""}  # fmt: skip

    def smtp(self, ctx: Context, token: str = "") -> SmtpAccount:
        """Answer how it sends.

        Args:
            token: As `access_token` answers it; for accounts with `oauth`.

        Raises:
            ConfigError: The password cannot be read any more.
        """
        password = "" if token else unseal(ctx.config, self.password)
        return SmtpAccount(
            host=self.smtp_host, port=self.smtp_port, tls=self.smtp_tls,
            # A relay in the same house may want no password.
            username=self.username if password or token else "", password=password, token=token,
            local_name=self.domain,
        )  # fmt: skip

    def imap(self, ctx: Context, token: str = "") -> ImapAccount:
        """Answer how it is read.

        Args:
            token: As of `smtp`.

        Raises:
            ConfigError: The password cannot be read any more.
        """
        return ImapAccount(
            host=self.imap_host, port=self.imap_port, tls=self.imap_tls,
            username=self.username or self.address, token=token,
            password="" if token else unseal(ctx.config, self.password),
        )  # fmt: skip


_COLUMNS = ", ".join(MailAccount.__struct_fields__)
_LISTS = ("folders", "share_with", "keep_private")


def _account(row: Any) -> MailAccount:  # noqa: ANN401 - a row of the driver
    return MailAccount(**{**dict(row), **{name: tuple(row[name]) for name in _LISTS}})


async def find_account(ctx: Context, number: int) -> MailAccount:
    """Answer an account, whosever it is.

    Raises:
        NotFoundError: There is none of that number.
    """
    row = await ctx.db.row(f"SELECT {_COLUMNS} FROM core_mail_account WHERE id = $1", number)  # noqa: S608
    if row is None:
        raise NotFoundError(ctx.translate(N_("There is no such mail account.")))
    return _account(row)


async def list_accounts(ctx: Context) -> list[MailAccount]:
    """List every account, shared ones first."""
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_mail_account "  # noqa: S608 - our own names
        "ORDER BY owner IS NOT NULL, lower(address), id LIMIT 1000"
    )
    return [_account(row) for row in rows]


async def accounts_to_write(ctx: Context) -> list[MailAccount]:
    """List the accounts the person may send by: own ones first, then those of own teams."""
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_mail_account "  # noqa: S608 - our own names
        "WHERE active AND (owner = $1 OR (owner IS NULL AND (team IS NULL OR team = ANY($2)))) "
        "ORDER BY owner IS NULL, id LIMIT 50",
        ctx.user_id, list(ctx.principal.teams),
    )  # fmt: skip
    return [_account(row) for row in rows]


def may_change(ctx: Context, account: MailAccount) -> bool:
    """Say whether the person may change an account: one's own; shared ones administrators."""
    if account.owner is not None:
        return account.owner == ctx.user_id
    return ctx.principal.role.scope("core.user", "admin") != "none"


async def save_account(ctx: Context, typed: Mapping[str, str], number: int = 0) -> int:
    """Keep an account as it was typed and answer its number.

    Where no servers are typed, those of the address's host are taken.

    Args:
        typed: Names as of `MailAccount`, `password` in clear and "" for the old one; `shared` not
            empty makes one of everybody, which administrators may.

    Raises:
        InvalidError: All that is wrong with it, by name.
        ForbiddenError: The account is somebody else's.
    """
    before = await find_account(ctx, number) if number else None
    is_admin = ctx.principal.role.scope("core.user", "admin") != "none"
    if before is not None and not may_change(ctx, before):
        raise ForbiddenError(ctx.translate(N_("This mail account is somebody else's.")))
    if typed.get("shared") and not is_admin:
        raise ForbiddenError(ctx.translate(N_("Only an administrator makes shared accounts.")))
    values = check_account(ctx, typed, before, is_admin=is_admin)
    owner = before.owner if before else None if typed.get("shared") else ctx.user_id
    password = typed.get("password", "")
    sealed = seal(ctx.config, password) if password or before is None else before.password
    values |= {"owner": owner, "password": sealed, "active": True, "error": "",
               "send_error": "", "token": b"", "token_until": None}  # fmt: skip
    async with ctx.db.transaction():
        if await ctx.db.value(
            "SELECT true FROM core_mail_account WHERE lower(address) = lower($1) "
            "AND owner IS NOT DISTINCT FROM $2 AND id <> $3",
            values["address"], owner, number,
        ):  # fmt: skip
            raise refused(ctx, {"address": ctx.translate(N_("has an account already"))})
        if values["sends_notices"]:
            await ctx.db.execute("UPDATE core_mail_account SET sends_notices = false")
        names, marks = list(values), [f"${n}" for n in range(1, len(values) + 1)]
        if before is None:
            return int(
                await ctx.db.value(
                    f"INSERT INTO core_mail_account ({', '.join(names)}) "  # noqa: S608 - as above
                    f"VALUES ({', '.join(marks)}) RETURNING id",
                    *values.values(),
                )
            )
        sets = ", ".join(f"{n} = {m}" for n, m in zip(names, marks, strict=True))
        await ctx.db.execute(
            f"UPDATE core_mail_account SET {sets} WHERE id = ${len(names) + 1}",  # noqa: S608
            *values.values(), number,
        )  # fmt: skip
    return number


async def remove_account(ctx: Context, number: int) -> None:
    """Forget an account with its password; its messages stay.

    Raises:
        ForbiddenError: It is somebody else's.
    """
    account = await find_account(ctx, number)
    if not may_change(ctx, account):
        raise ForbiddenError(ctx.translate(N_("This mail account is somebody else's.")))
    await ctx.db.execute("DELETE FROM core_mail_account WHERE id = $1", number)


async def note_health(ctx: Context, number: int, *, error: str = "", what: str = "read") -> None:
    """Write how an account fared.

    Args:
        what: `read` or `sent`.
    """
    column = "send_error" if what == "sent" else "error"
    moment = "" if error else f", {what}_at = now()"
    await ctx.db.execute(
        # A token may have been called back before its time.
        f"UPDATE core_mail_account SET {column} = $2{moment}, "  # noqa: S608 - our own names
        "token = CASE WHEN $2 = '' THEN token ELSE '' END, "
        "error_at = CASE WHEN $2 = '' THEN error_at ELSE now() END WHERE id = $1",
        number, error[:500],
    )  # fmt: skip


@asynccontextmanager
async def reading(
    ctx: Context, account: MailAccount, *, patience: float = 60
) -> AsyncIterator[MailboxReader]:
    """Answer a connection to the mailbox of an account.

    Args:
        patience: Seconds to connect and for each answer.

    Raises:
        MailboxError: It cannot be reached, refuses us, or its password cannot be read.
    """
    try:
        imap = account.imap(ctx, await access_token(ctx, account))
    except ConfigError as error:
        raise MailboxError(error.message) from error
    async with MailboxReader(msgspec.structs.replace(imap, timeout=patience)) as reader:
        yield reader
