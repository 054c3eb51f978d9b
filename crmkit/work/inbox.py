"""Mailboxes are read: each message once, on the records it belongs to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import ConfigError
from crmkit.model.job import JobOrder
from crmkit.model.messages import MESSAGE
from crmkit.plugin.events import MessageEvent
from crmkit.work.delivery import mark_bounced
from crmkit.work.events import gathering, publish
from crmkit.work.jobs import enqueue
from crmkit.work.mail.html_quotes import split_reply_html
from crmkit.work.mail.parsed import Kind, Own, ParsedMessage
from crmkit.work.mail.parsing import parse_message
from crmkit.work.mail.quoting import split_reply
from crmkit.work.mail.reading import Batch, Cursor
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import MailAccount, find_account, note_health, reading
from crmkit.work.mail_links import Place, find_people, named_record
from crmkit.work.outbox import id_domain, secret_of, write_message_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

_BATCH = 200
_LONGEST_TEXT = 500_000
_MOST_FILES = 50


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came in, as `claim_message` is asked about it.

    Attributes:
        account: Number of the account it came to.
        parsed: What is known of it.
        text: What is new in it.
        quoted: What it quotes.
    """

    account: int
    parsed: ParsedMessage
    text: str
    quoted: str


async def read_mailboxes(event: JobEvent) -> None:
    """Queue the reading of every mailbox, where none waits yet."""
    rows = await event.ctx.db.rows(
        "SELECT id FROM core_mail_account WHERE active AND imap_host <> ''"
    )
    orders = [_order(row["id"]) for row in rows]
    if orders:
        await enqueue(event.ctx, "core.read_mailbox", orders)


def _order(account: int) -> JobOrder:
    return JobOrder(args={"account": account}, key=str(account), lane=f"mailbox:{account}")


async def read_mailbox(event: JobEvent) -> None:
    """Read some messages of a mailbox; messages and cursor stand together or not at all.

    What goes wrong with the server is written on the account and tried at the next minute.
    """
    ctx, number = event.ctx, int(event.args["account"])
    account = await find_account(ctx, number)
    if not account.active or not account.imap_host:
        return
    try:
        async with reading(ctx, account) as reader:
            before = await _cursor(ctx, number)
            # Whoever adds an account has read what is there; it begins with what comes.
            cursor = before or await reader.make_cursor()
            batch = await reader.fetch_since(cursor, _BATCH)
    except (MailboxError, ConfigError) as error:
        await note_health(ctx, number, error=error.message)
        return
    await store_batch(ctx, account, batch)
    await note_health(ctx, number, error=batch.problem)
    if batch.more and batch.messages:
        await enqueue(ctx, "core.read_mailbox", [_order(number)])


async def _cursor(ctx: Context, account: int) -> Cursor | None:
    row = await ctx.db.row(
        "SELECT folder, uid_validity, last_uid, gaps FROM core_mail_cursor WHERE account = $1",
        account,
    )
    return None if row is None else Cursor(**{**dict(row), "gaps": tuple(row["gaps"])})


async def store_batch(ctx: Context, account: MailAccount, batch: Batch) -> list[int]:
    """Write what was fetched and how far it came; answer the numbers of what is new."""
    own = Own(
        domains=frozenset({id_domain(account)}), addresses=frozenset({account.address.lower()})
    )
    raws = [(one.raw, one.received_at) for one in batch.messages]
    messages = await asyncio.to_thread(_understand, account.id, raws, own)
    made: list[int] = []
    async with ctx.db.transaction(), gathering(ctx) as inner:
        known = await _known(inner, messages)
        people = await find_people(inner, _addresses(messages, own))
        for each in messages:
            number = await _store(inner, account, each, known, people)
            if number is not None:
                made.append(number)
        await write_message_search(inner, made)
        cursor = batch.cursor
        await ctx.db.execute(
            "INSERT INTO core_mail_cursor (account, folder, uid_validity, last_uid, gaps) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, folder) DO UPDATE SET "
            "uid_validity = $3, last_uid = $4, gaps = $5",
            account.id, cursor.folder, cursor.uid_validity, cursor.last_uid, list(cursor.gaps),
        )  # fmt: skip
    return made


def _understand(account: int, raws: Sequence[tuple[bytes, Any]], own: Own) -> list[Incoming]:
    """Parse messages, in a thread."""
    found = []
    for raw, received in raws:
        parsed = parse_message(raw, received_at=received, own=own)
        text, quoted, signature = (
            split_reply(parsed.text) if parsed.text or not parsed.html
            else split_reply_html(parsed.html)
        )  # fmt: skip
        new = "\n\n".join(part for part in (text, signature) if part)
        found.append(
            Incoming(
                account=account, parsed=parsed, text=new[:_LONGEST_TEXT],
                quoted=quoted[:_LONGEST_TEXT],
            )
        )  # fmt: skip
    return found


def _addresses(messages: Sequence[Incoming], own: Own) -> list[str]:
    found = {
        one.address
        for each in messages
        for one in (*each.parsed.from_, *each.parsed.to, *each.parsed.cc)
    }
    return sorted(found - own.addresses)


def _chain(parsed: ParsedMessage) -> list[str]:
    """Answer the ids it answers, the nearest first."""
    bounced = (parsed.bounce.original_id,) if parsed.bounce else ()
    ids = (*bounced, *parsed.in_reply_to, *reversed(parsed.references))
    return [one for one in dict.fromkeys(ids) if one][:50]


class _Known(msgspec.Struct, frozen=True):
    """A message that is there already."""

    id: int
    thread: int
    account: int | None
    direction: str


async def _known(ctx: Context, messages: Sequence[Incoming]) -> dict[str, list[_Known]]:
    """Answer the messages that these name, and those that are these, by id; one statement."""
    ids = {one for each in messages for one in (each.parsed.message_id, *_chain(each.parsed))}
    rows = await ctx.db.rows(
        "SELECT message_id, id, coalesce(thread, id) AS thread, account, direction "
        "FROM core_message WHERE message_id = ANY($1)",
        sorted(ids),
    )
    found: dict[str, list[_Known]] = {}
    for row in rows:
        found.setdefault(row["message_id"], []).append(
            _Known(row["id"], row["thread"], row["account"], row["direction"])
        )
    return found


async def _store(
    ctx: Context,
    account: MailAccount,
    each: Incoming,
    known: dict[str, list[_Known]],
    people: dict[str, list[Place]],
) -> int | None:
    """Write one message; None when it is there already or is our own that came back."""
    parsed = each.parsed
    if any(one.account == account.id for one in known.get(parsed.message_id, ())):
        return None
    chain = _chain(parsed)
    # Threads do not cross accounts: whoever knows an id must not get into others' conversations.
    before = next(
        (one for id_ in chain for one in known.get(id_, ()) if one.account == account.id), None
    )
    answerable = parsed.kind is Kind.PERSON and not parsed.loop_signs
    sender = parsed.from_[0] if parsed.from_ else None
    moment = parsed.date or ctx.now()
    values = {
        "owner": account.owner, "team": account.team, "private": account.owner is not None,
        "subject": parsed.subject[:1000].replace("\0", ""),
        "sender": sender.address[:320] if sender else "",
        "recipients": ", ".join(one.address for one in (*parsed.to, *parsed.cc)),
        "body": each.text.replace("\0", ""), "quoted": each.quoted.replace("\0", ""),
        "source_html": parsed.html.replace("\0", ""), "at": min(moment, ctx.now()),
        "account": account.id, "message_id": parsed.message_id[:990],
        "in_reply_to": chain[0] if chain else "", "chain": list(parsed.references)[-20:],
        "thread": before.thread if before else None, "kind": str(parsed.kind),
        "answerable": answerable,
        "people": {
            name: [[one.name, one.address] for one in getattr(parsed, field)]
            for name, field in (("from", "from_"), ("to", "to"), ("cc", "cc"),
                                ("reply_to", "reply_to"))
        },
    }  # fmt: skip
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    number: int | None = await ctx.db.value(
        f"INSERT INTO core_message ({', '.join(values)}) VALUES ({marks}) "  # noqa: S608 - our names
        "ON CONFLICT (account, direction, message_id) DO NOTHING RETURNING id",
        *values.values(),
    )
    if number is None:
        return None
    known.setdefault(parsed.message_id, []).append(
        _Known(number, before.thread if before else number, account.id, "in")
    )
    await _store_files(ctx, number, parsed)
    if parsed.bounce is not None:
        await _bounce(ctx, each, account, known)
    await _link(ctx, number, each, before, people)
    await publish(
        ctx, "core.mail.received", entity=MESSAGE, record_id=number,
        data={"account": account.id, "kind": str(parsed.kind), "answerable": answerable},
    )  # fmt: skip
    return number


async def _store_files(ctx: Context, number: int, parsed: ParsedMessage) -> None:
    rows = [
        (number, one.name[:200], one.media_type, one.content_id[:300], one.size, one.content)
        for one in parsed.attachments[:_MOST_FILES]
    ]
    if rows:
        await ctx.db.many(
            "INSERT INTO core_message_file (message, name, media_type, content_id, size, content) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )


async def _bounce(
    ctx: Context, each: Incoming, account: MailAccount, known: dict[str, list[_Known]]
) -> None:
    """Mark our message that came back, and the addresses; only of what this account sent."""
    bounce = each.parsed.bounce
    if bounce is None:
        return
    ours = [
        one
        for one in known.get(bounce.original_id, ())
        if one.account == account.id and one.direction == "out"
    ]
    if not ours or not bounce.permanent:
        return
    reasons = [one for one in bounce.recipients if one.action == "failed"]
    told = "; ".join(f"{one.address}: {one.diagnostic or one.status}" for one in reasons)
    await ctx.db.execute(
        "UPDATE core_message SET state = 'bounced', error = $2 WHERE id = $1",
        ours[0].id, told[:1000],
    )  # fmt: skip
    written = await ctx.db.value("SELECT people FROM core_message WHERE id = $1", ours[0].id)
    got = {pair[1].lower() for pairs in written.values() for pair in pairs}
    for one in reasons:
        # Anybody can write a report: only whom we wrote to is marked.
        if one.address.lower() in got:
            await mark_bounced(ctx, one.address, one.diagnostic or one.status)


async def _link(
    ctx: Context,
    number: int,
    each: Incoming,
    before: _Known | None,
    people: dict[str, list[Place]],
) -> None:
    """Put a message on its records: what it answers, who is in it, what a plugin claims."""
    parsed = each.parsed
    places: dict[Place, None] = {}
    named = named_record(ctx, secret_of(ctx), parsed)
    if named is not None:
        places[named] = None
    for one in (*parsed.from_, *parsed.to, *parsed.cc):
        places |= dict.fromkeys(people.get(one.address, ()))
    claimed = await ctx.site.hooks.collect("claim_message", MessageEvent(ctx, each), _place)
    if claimed:
        places[claimed[0][1]] = None
    if before is not None:
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) SELECT $1, entity, record "
            "FROM core_message_link WHERE message = $2 ON CONFLICT DO NOTHING",
            number, before.id,
        )  # fmt: skip
    for entity, record in places:
        # A plugin, or an old id, may name what is not there any more.
        table = ctx.site.entity(entity).tablename
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) "  # noqa: S608
            f'SELECT $1, $2, id FROM "{table}" WHERE id = $3 ON CONFLICT DO NOTHING',
            number, entity, record,
        )  # fmt: skip


def _place(answer: Any) -> Place:  # noqa: ANN401 - a plugin's answer
    """Check what `claim_message` answered: entity and number of a record."""
    entity, record = answer
    if not isinstance(entity, str) or not isinstance(record, int):
        raise TypeError("claim_message answers an entity and a number, such as ('crm.person', 7)")
    return entity, record
