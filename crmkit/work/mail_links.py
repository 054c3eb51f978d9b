"""Which records a message belongs to: by address, and by what an answer bears of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.errors import CrmkitError
from crmkit.work.mail.tokens import Thread, find_tag, find_thread, make_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.work.mail.parsed import ParsedMessage

#: Entity and number of a record.
Place = tuple[str, int]

_TAGGED = re.compile(r"[^@]{0,64}\+([0-9]{1,19}-[a-z2-7]{16})@", re.IGNORECASE)
#: An address that hundreds share says nothing of whom a message is with.
_MOST = 5


def email_columns(ctx: Context) -> list[tuple[str, str, str, bool]]:
    """List the columns that hold addresses: entity, table, column, whether it is of people."""
    return [
        (plan.name, plan.tablename, field.name, plan.person)
        for plan in ctx.site.entities.values()
        if plan.plugin != "core"
        for field in plan.fields.values()
        if field.kind == "email" and "." not in field.name
    ]


async def find_people(ctx: Context, addresses: Sequence[str]) -> dict[str, list[Place]]:
    """Answer the records with an address, one statement for all; where there are people, those."""
    columns = email_columns(ctx)
    if not columns or not addresses:
        return {}
    parts = [
        f'SELECT {place} AS place, lower("{column}") AS address, id FROM "{table}" '  # noqa: S608
        f'WHERE lower("{column}") = ANY($1) AND "{column}" <> \'\' AND trashed_at IS NULL'
        for place, (_entity, table, column, _person) in enumerate(columns)
    ]
    rows = await ctx.db.rows(" UNION ALL ".join(parts), list(addresses))
    of_people: dict[str, list[Place]] = {}
    of_others: dict[str, list[Place]] = {}
    for row in rows:
        entity, _table, _column, person = columns[row["place"]]
        target = of_people if person else of_others
        target.setdefault(row["address"], []).append((entity, row["id"]))
    found = of_others | of_people
    return {address: places[:_MOST] for address, places in found.items()}


def forward_address(secret: bytes, address: str, place: Place) -> str:
    """Answer where mail is forwarded that is to lie on a record.

    Args:
        address: Of an account that is read; its server must take `name+anything@domain`.
    """
    name, _at, domain = address.rpartition("@")
    tag = make_tag(secret, Thread(*place))
    return f"{name}+{tag.removeprefix('[#').removesuffix(']')}@{domain}"


def named_record(ctx: Context, secret: bytes, parsed: ParsedMessage) -> Place | None:
    """Answer the record that an answer, a forwarded message or its recipient names.

    Only what we sealed counts: anybody can write a number.
    """
    thread = find_thread(secret, (*parsed.in_reply_to, *reversed(parsed.references)))
    tags = [parsed.subject] if "[#" in parsed.subject else []
    for one in (*parsed.to, *parsed.cc):
        found = _TAGGED.match(one.address)
        if found:
            tags.append(f"[#{found[1]}]")
    for tag in tags if thread is None else ():
        for entity in ctx.site.entities:
            thread = thread or find_tag(secret, tag, entity)
    if thread is None:
        return None
    try:
        ctx.site.entity(thread.entity)
    except CrmkitError:
        return None  # of a plugin that is off
    return thread.entity, thread.record
