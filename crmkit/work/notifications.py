"""Telling people: in the transaction that made it worth telling, once, as each person chose."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import predicate
from crmkit.errors import NotFoundError
from crmkit.model.kept import say_kept
from crmkit.model.notification import NotificationKind
from crmkit.model.values import N_
from crmkit.work.notice_plans import TIMES, plan_mail, save_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.model.notification import Telling
    from crmkit.model.site import SiteLike
    from crmkit.work.quiet_hours import MailTimes

PAGE_SIZE = 50
#: Channel of NOTIFY for what open pages show: "<entity>/<record> <user who changed it>", or
#: "me/<user>" when what a person was told has changed.
LIVE = "crmkit_live"
CORE_KINDS = (
    NotificationKind("core.deadline", N_("Reminders and deadlines"), ("app", "digest")),
    NotificationKind(
        "core.approval", N_("Approvals that wait for me, and answers to mine"), ("app", "digest")
    ),
    NotificationKind("core.handover", N_("What others hand over to me"), ("app", "digest")),
    NotificationKind("core.left", N_("What people still hold who have left"), ("app", "digest")),
)
# Whether mail reaches user u.
_REACHES = """u.email <> '' AND EXISTS (
    SELECT FROM core_mail_account WHERE sends_notices AND active)"""
# Who chose another channel, or none, is told there or not at all. Mail needs an address and an
# account it leaves by: without one of them what was to come by mail stands in the inbox.
_TELL = f"""
WITH wanted AS (
SELECT u.id,
    'app' = ANY(w.channels) OR (w.channels && '{{mail,digest}}' AND NOT w.reaches) AS in_app,
    CASE WHEN NOT w.reaches THEN '' WHEN 'mail' = ANY(w.channels) THEN 'mail'
        WHEN 'digest' = ANY(w.channels) THEN 'digest' ELSE '' END AS mail
FROM core_user u LEFT JOIN core_notification_choice c ON c.user_id = u.id AND c.kind = $2
CROSS JOIN LATERAL (SELECT coalesce(c.channels, $10::text[]) AS channels, {_REACHES} AS reaches) w
WHERE u.id = ANY($1) AND u.active AND u.trashed_at IS NULL
), made AS (
INSERT INTO core_notification (user_id, kind, text, values, url, entity, record, key, created_at,
    in_app, mail)
SELECT id, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, in_app, mail
FROM wanted WHERE in_app OR mail <> ''
ON CONFLICT (user_id, key) WHERE key IS NOT NULL DO NOTHING RETURNING user_id, in_app, mail
)
SELECT m.user_id, m.mail, u.time_zone, now() AS now, {TIMES},
    CASE WHEN m.in_app THEN pg_notify($11, 'me/' || m.user_id || ' 0')::text END
FROM made m JOIN core_user u ON u.id = m.user_id
LEFT JOIN core_notification_settings s ON s.user_id = m.user_id
"""  # noqa: S608 - of our own


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a person was told.

    Attributes:
        text: In the reader's language.
        created_at: Aware, in UTC.
        hidden: The record is no longer the reader's to see; its title is not in the text.
    """

    id: int
    kind: str
    text: str
    url: str
    created_at: datetime
    is_read: bool
    hidden: bool = False


def kinds_of(site: SiteLike) -> dict[str, NotificationKind]:
    """Answer everything that people can be told of on a Site, by name."""
    declared = (each for _plugin, each in site.contributions["notifications"])
    return {each.name: each for each in (*CORE_KINDS, *declared)}


async def notify(ctx: Context, users: Iterable[int], telling: Telling) -> int:
    """Tell people something; it stands or falls with the open transaction.

    Nobody is told of what he did himself, unless he is the only one to be told. People who are
    not active are told nothing.

    Returns:
        How many are told, in the app or by mail.

    Raises:
        NotFoundError: No plugin that is on declares the kind.
    """
    declared = kinds_of(ctx.site)
    kind = telling.kind
    if kind not in declared:
        near = difflib.get_close_matches(kind, declared, 1)
        hint = f" Did you mean `{near[0]}`?" if near else " Declare it in `notifications`."
        raise NotFoundError(f"There is no kind of notification `{kind}`.{hint}")
    wanted = set(users)
    if len(wanted) > 1:
        wanted.discard(ctx.user_id or 0)
    if not wanted:
        return 0
    rows = await ctx.db.rows(
        _TELL,
        sorted(wanted), kind, telling.text, dict(telling.values), telling.url, telling.entity,
        telling.record_id, telling.key, ctx.now(), list(declared[kind].channels), LIVE,
    )  # fmt: skip
    await plan_mail(ctx, [row for row in rows if row["mail"]])
    return len(rows)


async def list_notifications(
    ctx: Context, *, unread: bool = False, before: int | None = None
) -> list[Notification]:
    """Answer what the reader was told, newest first, one more than a page when there is more."""
    rows = await ctx.db.rows(
        "SELECT * FROM core_notification WHERE user_id = $1 AND in_app "
        "AND ($2::bigint IS NULL OR id < $2) AND (NOT $3 OR read_at IS NULL) "
        "ORDER BY id DESC LIMIT $4",
        ctx.user_id, before, unread, PAGE_SIZE + 1,
    )  # fmt: skip
    return await show_to(ctx, rows)


async def show_to(ctx: Context, rows: Sequence[Any]) -> list[Notification]:
    """Answer rows of notifications as the reader may see them now, in the order given."""
    seen = await _readable(ctx, rows)
    return [_shown(ctx, row, seen) for row in rows]


async def _readable(ctx: Context, rows: Iterable[Any]) -> set[tuple[str, int]]:
    """Answer which records of the rows the reader may read, one statement for each entity."""
    wanted: dict[str, set[int]] = {}
    for row in rows:
        if row["record"] is not None and row["entity"] in ctx.site.entities:
            wanted.setdefault(row["entity"], set()).add(row["record"])
    found = set()
    for entity, ids in wanted.items():
        plan = ctx.site.entity(entity)
        rule = predicate(ctx, plan, "read", "t", 2)
        allowed = await ctx.db.rows(
            f'SELECT t.id FROM "{plan.tablename}" t WHERE t.id = ANY($1) AND ({rule.text})',  # noqa: S608
            sorted(ids),
            *rule.args,
        )
        found |= {(entity, row["id"]) for row in allowed}
    return found


def _shown(ctx: Context, row: Any, seen: set[tuple[str, int]]) -> Notification:  # noqa: ANN401
    hidden = row["record"] is not None and (row["entity"], row["record"]) not in seen
    text = ctx.translate(N_("Something happened to a record that you may no longer see."))
    if not hidden:
        text = ctx.translate(row["text"])
        for name, value in row["values"].items():
            text = text.replace(f"{{{name}}}", _value(ctx, str(value)))
    return Notification(
        id=row["id"],
        kind=row["kind"],
        text=text,
        url="" if hidden else row["url"] or _address(row),
        created_at=row["created_at"],
        is_read=row["read_at"] is not None,
        hidden=hidden,
    )


def _value(ctx: Context, value: str) -> str:
    """Say what was kept for readers of any language; a name is nobody's to translate."""
    return say_kept(ctx, value) if value.startswith(("[", "{")) else value


def _address(row: Any) -> str:  # noqa: ANN401 - a driver's row
    return f"/{row['entity']}/{row['record']}" if row["record"] is not None else ""


async def mark_read(ctx: Context, number: int | None = None) -> None:
    """Mark one notification of the reader as read, without a number all."""
    await ctx.db.execute(
        "WITH seen AS (UPDATE core_notification SET read_at = $2 WHERE user_id = $1 "
        "AND read_at IS NULL AND ($3::bigint IS NULL OR id = $3) RETURNING user_id) "
        "SELECT pg_notify($4, 'me/' || user_id || ' 0') FROM seen LIMIT 1",
        ctx.user_id, ctx.now(), number, LIVE,
    )  # fmt: skip


async def is_reached(ctx: Context) -> bool:
    """Say whether notices can reach the reader by mail."""
    return bool(
        await ctx.db.value(f"SELECT {_REACHES} FROM core_user u WHERE u.id = $1", ctx.user_id)  # noqa: S608
    )


async def read_choices(ctx: Context) -> dict[str, tuple[str, ...]]:
    """Answer how the reader is told of each kind, by its name."""
    rows = await ctx.db.rows(
        "SELECT kind, channels FROM core_notification_choice WHERE user_id = $1", ctx.user_id
    )
    chosen = {row["kind"]: tuple(row["channels"]) for row in rows}
    return {name: chosen.get(name, kind.channels) for name, kind in kinds_of(ctx.site).items()}


async def save_choices(ctx: Context, choices: Mapping[str, Iterable[str]]) -> None:
    """Save how the reader wants to be told of each kind that is named."""
    known = kinds_of(ctx.site)
    for kind, channels in choices.items():
        if kind in known:
            await ctx.db.execute(
                "INSERT INTO core_notification_choice (user_id, kind, channels) "
                "VALUES ($1, $2, $3) ON CONFLICT (user_id, kind) DO UPDATE SET channels = $3",
                ctx.user_id, kind, sorted(channels),
            )  # fmt: skip


async def save_wishes(ctx: Context, choices: Mapping[str, Iterable[str]], times: MailTimes) -> None:
    """Save how the reader wants to be told and when mail may come, both or neither.

    Raises:
        InvalidError: The times do not fit.
    """
    async with ctx.db.transaction():
        await save_choices(ctx, choices)
        await save_times(ctx, times)
