"""One message that came in: understood, written once, put on the records it belongs to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.model.messages import MESSAGE
from crmkit.plugin.events import MessageEvent
from crmkit.work.delivery import mark_bounced
from crmkit.work.events import publish
from crmkit.work.mail.html_quotes import split_reply_html
from crmkit.work.mail.parsed import Kind, Own, ParsedMessage
from crmkit.work.mail.parsing import parse_message
from crmkit.work.mail.quoting import split_reply
from crmkit.work.mail_links import Place, named_record
from crmkit.work.mail_receipts import queue_receipt
from crmkit.work.mail_sharing import is_private
from crmkit.work.outbox import secret_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

_LONGEST_TEXT = 500_000
_MOST_FILES = 50
_CALENDARS = ("text/calendar", "application/ics")
_SENT = {"direction": "out", "state": "sent"}


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came in, as `claim_message` is asked about it.

    Attributes:
        account: Number of the account it came to.
        parsed: What is known of it.
        text: What is new in it.
        quoted: What it quotes.
        is_sent: It lies where the account keeps what it sent: somebody wrote it elsewhere.
    """

    account: int
    parsed: ParsedMessage
    text: str
    quoted: str
    is_sent: bool = False


def understand(
    account: int, raws: Sequence[tuple[bytes, Any]], own: Own, *, is_sent: bool = False
) -> list[Incoming]:
    """Parse messages; call it in a thread."""
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
                quoted=quoted[:_LONGEST_TEXT], is_sent=is_sent,
            )
        )  # fmt: skip
    return found


def addresses_of(messages: Sequence[Incoming], own: Own) -> list[str]:
    """List who is named in messages, besides ourselves."""
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


class Known(msgspec.Struct, frozen=True):
    """A message that is there already."""

    id: int
    thread: int
    account: int | None
    direction: str


async def known_messages(ctx: Context, messages: Sequence[Incoming]) -> dict[str, list[Known]]:
    """Answer the messages that these name, and those that are these, by id; one statement."""
    ids = {one for each in messages for one in (each.parsed.message_id, *_chain(each.parsed))}
    rows = await ctx.db.rows(
        "SELECT message_id, id, coalesce(thread, id) AS thread, account, direction "
        "FROM core_message WHERE message_id = ANY($1)",
        sorted(ids),
    )
    found: dict[str, list[Known]] = {}
    for row in rows:
        found.setdefault(row["message_id"], []).append(
            Known(row["id"], row["thread"], row["account"], row["direction"])
        )
    return found


async def without_erased(
    ctx: Context, account: int, messages: Sequence[Incoming]
) -> list[Incoming]:
    """Leave out what was erased with a person and lies on the server still; one statement."""
    digests = [hashlib.sha256(_id(each.parsed).encode()).digest() for each in messages]
    rows = await ctx.db.rows(
        "SELECT digest FROM core_message_erased WHERE account = $1 AND digest = ANY($2)",
        account, digests,
    )  # fmt: skip
    erased = {row["digest"] for row in rows}
    return [each for each, digest in zip(messages, digests, strict=True) if digest not in erased]


def _id(parsed: ParsedMessage) -> str:
    return parsed.message_id[:990]


async def store_message(
    ctx: Context,
    account: MailAccount,
    each: Incoming,
    known: dict[str, list[Known]],
    people: dict[str, list[Place]],
    links: list[tuple[int, Place]],
) -> int | None:
    """Write one message; None when it is there already or is our own that came back.

    Args:
        links: Gets which records it lies on; `write_links` writes them.
    """
    parsed = each.parsed
    if any(one.account == account.id for one in known.get(parsed.message_id, ())):
        return None
    chain = _chain(parsed)
    # Threads do not cross accounts: whoever knows an id must not get into others' conversations.
    before = next(
        (one for id_ in chain for one in known.get(id_, ()) if one.account == account.id), None
    )
    answerable = parsed.kind is Kind.PERSON and not parsed.loop_signs and not each.is_sent
    sender = parsed.from_[0] if parsed.from_ else None
    moment = parsed.date or ctx.now()
    values = {
        "owner": account.owner, "team": account.team,
        "private": is_private(account, _addresses(parsed)),
        "subject": parsed.subject[:1000].replace("\0", ""),
        "sender": sender.address[:320] if sender else "",
        "recipients": ", ".join(one.address for one in (*parsed.to, *parsed.cc)),
        "body": each.text.replace("\0", ""), "quoted": each.quoted.replace("\0", ""),
        "source_html": parsed.html.replace("\0", ""), "at": min(moment, ctx.now()),
        "account": account.id, "message_id": _id(parsed),
        "in_reply_to": chain[0] if chain else "", "chain": list(parsed.references)[-20:],
        "thread": before.thread if before else None, "kind": str(parsed.kind),
        "answerable": answerable, **(_SENT if each.is_sent else {}),
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
    direction = "out" if each.is_sent else "in"
    known.setdefault(parsed.message_id, []).append(
        Known(number, before.thread if before else number, account.id, direction)
    )
    await _store_files(ctx, number, parsed)
    if parsed.bounce is not None:
        await _bounce(ctx, each, account, known)
    await _link(ctx, number, each, before, people, links)
    if each.is_sent:
        return number
    await publish(
        ctx, "core.mail.received", entity=MESSAGE, record_id=number,
        data={"account": account.id, "kind": str(parsed.kind), "answerable": answerable},
    )  # fmt: skip
    if answerable and before is None:
        await queue_receipt(ctx, account, number)
    return number


def _addresses(parsed: ParsedMessage) -> list[str]:
    return [one.address for one in (*parsed.from_, *parsed.to, *parsed.cc)]


async def _store_files(ctx: Context, number: int, parsed: ParsedMessage) -> None:
    rows = [
        (number, one.name[:200], one.media_type, one.content_id[:300], one.size, one.content)
        for one in parsed.attachments[:_MOST_FILES]
    ]
    if not any(media_type in _CALENDARS for _number, _name, media_type, *_rest in rows):
        # Most invitations are no attachment; a calendar program opens them as a file.
        invitations = [each.text.encode() for each in parsed.calendar[:1]]
        rows += [(number, "invitation.ics", _CALENDARS[0], "", len(each), each)
                 for each in invitations]  # fmt: skip
    if rows:
        await ctx.db.many(
            "INSERT INTO core_message_file (message, name, media_type, content_id, size, content) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )


async def _bounce(
    ctx: Context, each: Incoming, account: MailAccount, known: dict[str, list[Known]]
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
    before: Known | None,
    people: dict[str, list[Place]],
    links: list[tuple[int, Place]],
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
        # It may be one of those whose links are not written yet.
        await write_links(ctx, links)
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) SELECT $1, entity, record "
            "FROM core_message_link WHERE message = $2 ON CONFLICT DO NOTHING",
            number, before.id,
        )  # fmt: skip
    links.extend((number, place) for place in places)


async def write_links(ctx: Context, links: list[tuple[int, Place]]) -> None:
    """Write which messages lie on which records, one statement for each entity; empties `links`."""
    for entity in dict.fromkeys(place[0] for _, place in links):
        # A plugin, or an old id, may name what is not there any more.
        table = ctx.site.entity(entity).tablename
        pairs = [(number, place[1]) for number, place in links if place[0] == entity]
        await ctx.db.execute(
            "INSERT INTO core_message_link (message, entity, record) "  # noqa: S608 - declared
            "SELECT pair.message, $1, t.id FROM unnest($2::bigint[], $3::bigint[]) "
            f'AS pair (message, record) JOIN "{table}" t ON t.id = pair.record '
            "ON CONFLICT DO NOTHING",
            entity, [number for number, _ in pairs], [record for _, record in pairs],
        )  # fmt: skip
    links.clear()


def _place(answer: Any) -> Place:  # noqa: ANN401 - a plugin's answer
    """Check what `claim_message` answered: entity and number of a record."""
    entity, record = answer
    if not isinstance(entity, str) or not isinstance(record, int):
        raise TypeError("claim_message answers an entity and a number, such as ('crm.person', 7)")
    return entity, record
