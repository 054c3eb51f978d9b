"""Mail that leaves: written in the caller's transaction, sent after it, each at most once."""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.messages import message_rule
from crmkit.access.sealing import site_secret
from crmkit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from crmkit.model.job import JobOrder
from crmkit.model.messages import MESSAGE
from crmkit.model.values import N_
from crmkit.plugin.events import MessageEvent
from crmkit.work.jobs import enqueue
from crmkit.work.mail.addresses import check_line, check_mailbox
from crmkit.work.mail.composing import File
from crmkit.work.mail.tokens import Thread, make_message_id
from crmkit.work.mail_accounts import accounts_to_write
from crmkit.work.mail_sharing import is_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

#: Seconds in which one may take a message back.
UNDO_SECONDS = 10
_MOST_BYTES = 20_000_000


class Outgoing(msgspec.Struct, kw_only=True):
    """A message somebody sends; `prepare_message` may change it.

    Attributes:
        account: By which it leaves; 0 is the person's first.
        to: Addresses as people type them, `Anna <anna@example.com>, ben@example.com`.
        entity: With `record` what it belongs to.
        reply_to: Number of the message it answers; 0 for none.
        draft: Number of the person's draft it was begun with, which goes; 0 for none.
    """

    account: int = 0
    to: str
    cc: str = ""
    bcc: str = ""
    subject: str
    text: str
    html: str = ""
    entity: str = ""
    record: int = 0
    reply_to: int = 0
    draft: int = 0
    files: list[File] = msgspec.field(default_factory=list)


def secret_of(ctx: Context) -> bytes:
    """Answer what seals the ids of our messages."""
    return site_secret(ctx.config, "mail ids")


def id_domain(account: MailAccount) -> str:
    """Answer the domain of our ids, which no other program of the company uses."""
    return _domain_of(account.address)


async def queue_mail(  # noqa: PLR0913 - what a message is made of
    ctx: Context,
    *,
    to: str,
    subject: str,
    text: str,
    html: str = "",
    key: str,
    entity: str = "",
    record: int = 0,
    stop_path: str = "",
    answered: Mapping[str, Any] | None = None,
) -> int | None:
    """Send a message that a machine writes, by the account for notices.

    It stands or falls with the open transaction, and is sent once for each key.

    Args:
        to: One address.
        html: Clean already; "" sends text only.
        key: What it is about, such as "task 7 due"; a second one of that key is not sent.
        entity: With `record` on whose timeline it stands, told to a client; without one it is a
            notice to a colleague.
        record: Id of that record.
        stop_path: Page of this site where the receiver ends such messages, such as
            "/settings/notifications"; the message names it where `base_url` is set.
        answered: Row of the message it answers, whose account it leaves by; `answer_mail` alone
            answers, as it knows whom and how often.

    Returns:
        The number of the message, None when one of that key is there.

    Raises:
        InvalidError: The address or the subject cannot be used.
    """
    mailbox = check_mailbox(to)
    check_line(subject, "subject")
    account = await ctx.db.row(
        "SELECT id, address FROM core_mail_account WHERE active "
        "AND CASE WHEN $1::bigint IS NULL THEN sends_notices ELSE id = $1 END",
        answered["account"] if answered else None,
    )
    sender = account["address"] if account else ""
    base = ctx.config.server.base_url
    async with ctx.db.transaction():
        number: int | None = await ctx.db.value(
            "INSERT INTO core_message (subject, sender, recipients, direction, state, body, "
            "source_html, account, message_id, people, automatic, key, pending, error, stop_url, "
            "in_reply_to, chain, thread, scope) VALUES ($1, $2, $3, 'out', $4, $5, $6, $7, $8, "
            "$9, true, $10, $11, $12, $13, $14, $15, $16, $17) "
            "ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING RETURNING id",
            subject, sender, mailbox.address, "waiting" if account else "failed", text, html,
            account["id"] if account else None,
            make_message_id(secret_of(ctx), _domain_of(sender)),
            {"to": [["", mailbox.address]]}, key, [mailbox.address],
            "" if account else "No account sends notices yet.",
            f"{base}{stop_path}" if base and stop_path else "",
            answered["message_id"] if answered else "",
            [*answered["chain"], answered["message_id"]][-20:] if answered else [],
            (answered["thread"] or answered["id"]) if answered else None,
            "external" if answered or entity else "internal",
        )  # fmt: skip
        if number is not None and (entity or answered):
            await _link(ctx, number, entity, record, answered)
            await write_message_search(ctx, [number])
        if number is not None and account:
            await queue_sending(ctx, number, account["id"])
    return number


def _domain_of(sender: str) -> str:
    domain = sender.rpartition("@")[2].lower()
    return f"crmkit.{domain}" if domain and domain.isascii() else "crmkit.invalid"


async def send_message(ctx: Context, draft: Outgoing) -> int:
    """Send what a person writes, ten seconds from now; answer the number of the message.

    Raises:
        InvalidError: All that is wrong with it, by name.
        ForbiddenError: The account is not the person's to write by.
        NotFoundError: The record, or the message that is answered, is not there for the person.
        Veto: A plugin refuses it.
    """
    async with ctx.db.transaction():
        if draft.entity:
            await ctx.get(draft.entity, draft.record)
        account = await _account(ctx, draft)
        answered = await readable_message(ctx, draft.reply_to) if draft.reply_to else None
        await ctx.site.hooks.run("prepare_message", MessageEvent(ctx, draft))
        people = _people(ctx, draft)
        if sum(len(file.content) for file in draft.files) > _MOST_BYTES:
            raise InvalidError(_text(ctx), {"files": ctx.translate(N_("are over 20 MB together"))})
        thread = Thread(draft.entity, draft.record) if draft.entity else None
        pending = list(dict.fromkeys(pair[1] for pairs in people.values() for pair in pairs))
        shown = ", ".join(pair[1] for name in ("to", "cc") for pair in people[name])
        chain = [*(answered["chain"] if answered else ()), *([answered["message_id"]] if answered
                 else ())]  # fmt: skip
        number = int(
            await ctx.db.value(
                "INSERT INTO core_message (created_by, updated_by, owner, team, subject, sender, "
                "recipients, direction, state, private, body, source_html, account, message_id, "
                "in_reply_to, chain, thread, people, pending) VALUES ($1, $1, $2, $3, $4, $5, $6, "
                "'out', 'waiting', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id",
                ctx.user_id, account.owner or ctx.user_id, account.team, draft.subject.strip(),
                account.address, shown, is_private(account, pending), draft.text, draft.html,
                account.id, make_message_id(secret_of(ctx), id_domain(account), thread),
                answered["message_id"] if answered else "", chain[-20:],
                (answered["thread"] or answered["id"]) if answered else None, people, pending,
            )
        )  # fmt: skip
        await ctx.db.many(
            "INSERT INTO core_message_file (message, name, media_type, content_id, size, content) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            [(number, f.name, f.media_type, f.content_id, len(f.content), f.content)
             for f in draft.files],
        )  # fmt: skip
        await _link(ctx, number, draft.entity, draft.record, answered)
        await write_message_search(ctx, [number])
        if draft.draft:
            await _discard(ctx, draft.draft)
        await queue_sending(ctx, number, account.id, timedelta(seconds=UNDO_SECONDS))
    return number


def _text(ctx: Context) -> str:
    return ctx.translate(N_("The message was not sent."))


async def _account(ctx: Context, draft: Outgoing) -> MailAccount:
    usable = await accounts_to_write(ctx)
    if not usable:
        raise InvalidError(
            ctx.translate(N_("You have no mail account yet. Add one in Settings, Mail.")),
            {"account": ctx.translate(N_("is missing"))},
        )
    if not draft.account:
        return usable[0]
    found = next((each for each in usable if each.id == draft.account), None)
    if found is None:
        raise ForbiddenError(ctx.translate(N_("This mail account is not yours to write by.")))
    return found


def _people(ctx: Context, draft: Outgoing) -> dict[str, list[list[str]]]:
    """Answer the recipients checked: to, cc and bcc to pairs of name and address."""
    problems, found = {}, {}
    for name in ("to", "cc", "bcc"):
        typed = getattr(draft, name)
        try:
            check_line(typed, name)
            pairs = [pair for pair in getaddresses([typed.replace(";", ",")]) if any(pair)]
            boxes = [check_mailbox(address, shown) for shown, address in pairs]
            found[name] = [[box.name, box.address] for box in boxes]
        except InvalidError as error:
            problems[name] = error.message
    if not problems and not any(found.values()):
        problems["to"] = ctx.translate(N_("must be filled in"))
    try:
        check_line(draft.subject, "subject")
    except InvalidError as error:
        problems["subject"] = error.message
    if not draft.text.strip():
        problems["text"] = ctx.translate(N_("must be filled in"))
    if problems:
        raise InvalidError(_text(ctx), problems)
    return found


async def _link(
    ctx: Context, number: int, entity: str, record: int, answered: Mapping[str, Any] | None
) -> None:
    """Put it on the record it was written on, and where the answered one is."""
    if entity:
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) VALUES ($1, $2, $3)",
            number, entity, record,
        )  # fmt: skip
    if answered is not None:
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) SELECT $1, entity, record "
            "FROM core_message_link WHERE message = $2 ON CONFLICT DO NOTHING",
            number, answered["id"],
        )  # fmt: skip


async def readable_message(ctx: Context, number: int) -> dict[str, Any]:
    """Answer a message the person may see, with what people do not see of it.

    Raises:
        NotFoundError: There is none for the person.
    """
    rule = message_rule(ctx, "t", 2)
    row = await ctx.db.row(
        "SELECT t.* FROM core_message t "  # noqa: S608 - our own text
        f"WHERE t.id = $1 AND t.trashed_at IS NULL AND ({rule.text})",
        min(number, 2**62), *rule.args,
    )  # fmt: skip
    if row is None:
        raise NotFoundError(ctx.translate(N_("There is no such message, or it is not yours.")))
    return dict(row)


async def queue_sending(
    ctx: Context, number: int, account: int, wait: timedelta = timedelta()
) -> None:
    """Queue the sending of a message in the lane of its account, by the clock of the database."""
    now = await ctx.db.value("SELECT clock_timestamp()") if wait else None
    order = JobOrder(
        args={"message": number},
        at=now + wait if now else None,
        lane=f"mail:{account}",
    )
    made = await enqueue(ctx, "core.send_mail", [order])
    await ctx.db.execute("UPDATE core_message SET job = $2 WHERE id = $1", number, made[0])


async def write_message_search(ctx: Context, numbers: list[int]) -> None:
    """Let search find messages."""
    await ctx.db.execute(
        "INSERT INTO core_search (entity, record, title, body) SELECT $1, id, subject, "
        "left(sender || ' ' || recipients || ' ' || body, 20000) FROM core_message "
        "WHERE id = ANY($2::bigint[]) ON CONFLICT (entity, record) DO NOTHING",
        MESSAGE, numbers,
    )  # fmt: skip


async def undo_sending(ctx: Context, number: int) -> None:
    """Take back a message that waits to be sent; it is a draft again.

    Raises:
        NotFoundError: It is not the person's.
        ConflictError: It is on its way already.
    """
    async with ctx.db.transaction():
        row = await ctx.db.row(
            "SELECT state, job FROM core_message WHERE id = $1 AND created_by = $2 FOR UPDATE",
            min(number, 2**62), ctx.user_id,
        )  # fmt: skip
        if row is None:
            raise NotFoundError(ctx.translate(N_("There is no such message, or it is not yours.")))
        if row["state"] != "waiting":
            raise ConflictError(ctx.translate(N_("The message was sent already.")))
        await ctx.db.execute("UPDATE core_message SET state = 'draft' WHERE id = $1", number)
        await ctx.db.execute(
            "DELETE FROM core_job WHERE id = $1 AND state IN ('later', 'ready')", row["job"]
        )


async def share_message(ctx: Context, number: int, *, private: bool) -> None:
    """Show a message to all who may read its records, or to oneself alone again.

    Raises:
        NotFoundError: The message is not the person's.
    """
    tag = await ctx.db.execute(
        "UPDATE core_message SET private = $3, version = version + 1 "
        "WHERE id = $1 AND owner = $2 AND trashed_at IS NULL",
        min(number, 2**62), ctx.user_id, private,
    )  # fmt: skip
    if tag.endswith(" 0"):
        raise NotFoundError(ctx.translate(N_("There is no such message, or it is not yours.")))


async def decide_unclear(ctx: Context, number: int, *, again: bool) -> None:
    """Send an unclear or failed message again, or write down that it was sent.

    Raises:
        ConflictError: It is neither unclear nor failed any more.
    """
    async with ctx.db.transaction():
        row = await ctx.db.row(
            "SELECT m.account, a.id AS notices FROM core_message m "
            "LEFT JOIN core_mail_account a ON a.sends_notices WHERE m.id = $1 "
            "AND m.state IN ('unclear', 'failed') FOR UPDATE OF m",
            min(number, 2**62),
        )  # fmt: skip
        account: int | None = (row["account"] or row["notices"]) if row else None
        if row is None or (again and account is None):
            raise ConflictError(
                ctx.translate(N_("This message waits for no decision, or no account can send it."))
            )
        await ctx.db.execute(
            "UPDATE core_message SET state = $2, account = $3, error = '', tries = 0 WHERE id = $1",
            number, "waiting" if again else "sent", account,
        )  # fmt: skip
        if again and account is not None:
            await queue_sending(ctx, number, account)


def file_of(name: str, content: bytes) -> File:
    """Answer an attachment of what a person chose."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(name=name[:200] or "file", media_type=kind, content=content)


async def _discard(ctx: Context, number: int) -> None:
    """Delete a draft of the person that was sent as another message; others stay."""
    await ctx.db.execute(
        "WITH gone AS (DELETE FROM core_message WHERE id = $1 AND created_by = $2 "
        "AND state = 'draft' RETURNING id) DELETE FROM core_search s USING gone "
        "WHERE s.entity = $3 AND s.record = gone.id",
        number, ctx.user_id, MESSAGE,
    )  # fmt: skip
