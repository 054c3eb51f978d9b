"""The job that tells a person by mail what waits for that: at once, or in the digest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from crmkit.access.principals import find_principal
from crmkit.errors import InvalidError
from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.web.guests import speaking
from crmkit.work.jobs import enqueue
from crmkit.work.notice_plans import JOB, TIMES, times_of
from crmkit.work.notifications import show_to
from crmkit.work.outbox import queue_mail
from crmkit.work.quiet_hours import next_loud

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.work.notifications import Notification

_log = structlog.get_logger("crmkit.work")
_MOST_LINES = 100
_LONGEST_SUBJECT = 150


async def tell_by_mail(event: JobEvent) -> None:
    """Write one mail of all that waits for a person in a channel, in his language.

    What he read meanwhile, or may no longer see, is left out. In quiet hours, however late it
    runs or newly they were chosen, it waits for their end.
    """
    ctx, user, channel = event.ctx, int(event.args["user"]), str(event.args["channel"])
    person = await find_principal(ctx.db, user, ctx.site.roles)
    row = await ctx.db.row(
        f"SELECT u.email, clock_timestamp() AS now, {TIMES} FROM core_user u "  # noqa: S608
        "LEFT JOIN core_notification_settings s ON s.user_id = u.id WHERE u.id = $1",
        user,
    )
    if person is not None and row is not None:
        zone = person.time_zone or ctx.config.time_zone
        loud = next_loud(row["now"], times_of(row), zone)
        if loud > row["now"]:
            await enqueue(ctx, JOB, [JobOrder(args=event.args, at=loud, key=f"{user}:{channel}")])
            return
    taken = await ctx.db.rows(
        "UPDATE core_notification SET mail = '' WHERE user_id = $1 AND mail = $2 RETURNING *",
        user, channel,
    )  # fmt: skip
    if person is None or row is None:
        return
    waiting = [each for each in taken if not each["in_app"] or each["read_at"] is None]
    waiting.sort(key=lambda each: each["id"])
    with speaking(ctx, person.language) as spoken:
        reader = replace(spoken, principal=person)
        told = [each for each in await show_to(reader, waiting) if not each.hidden]
        if told:
            await _send(ctx, reader, row["email"], told)


async def _send(ctx: Context, reader: Context, address: str, told: Sequence[Notification]) -> None:
    base = ctx.config.server.base_url.rstrip("/")
    subject = told[0].text
    if len(told) > 1:
        subject = reader.translate(N_("Notifications: {n}")).format(n=len(told))
    lines = [_line(each, base) for each in told[:_MOST_LINES]]
    if len(told) > _MOST_LINES:
        more = reader.translate(N_("And more: {n}. All of it stands in your inbox."))
        lines.append(more.format(n=len(told) - _MOST_LINES))
        await _put_in_inbox(ctx, told[_MOST_LINES:])
    lines.append(_foot(reader, base))
    try:
        await queue_mail(
            ctx, to=address, subject=" ".join(subject.split())[:_LONGEST_SUBJECT],
            text="\n\n".join(lines), key=f"told:{reader.user_id}:{told[-1].id}",
        )  # fmt: skip
    except InvalidError as error:
        # Trying again mends no address: in the inbox nothing is lost.
        await _put_in_inbox(ctx, told)
        _log.warning("a notice was not mailed", user=reader.user_id, reason=error.message)


async def _put_in_inbox(ctx: Context, told: Sequence[Notification]) -> None:
    await ctx.db.execute(
        "UPDATE core_notification SET in_app = true WHERE id = ANY($1)", [each.id for each in told]
    )


def _line(each: Notification, base: str) -> str:
    text = " ".join(each.text.split())  # titles are of many hands: one line stays one
    return f"{text}\n{base}{each.url}" if base and each.url else text


def _foot(reader: Context, base: str) -> str:
    text = reader.translate(N_("What you are told by mail: Settings, Notifications."))
    return f"-- \n{text}" + (f"\n{base}/settings/notifications" if base else "")
