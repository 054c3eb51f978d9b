"""What a person was told, and how he wants to be told."""

from collections.abc import Iterable, Mapping
from datetime import date, time
from itertools import groupby
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.model.notification import CHANNELS
from crmkit.records.approvals import asks_second
from crmkit.web.format import format_date, format_time
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import (
    Empty,
    FieldInput,
    Flash,
    FormGroup,
    FormPage,
    InboxPage,
    Link,
    NoticeRow,
    NoticesPage,
    Told,
    ToldDay,
)
from crmkit.work.notice_plans import read_times
from crmkit.work.notifications import (
    PAGE_SIZE,
    Notification,
    is_reached,
    kinds_of,
    list_notifications,
    mark_read,
    read_choices,
    save_wishes,
)
from crmkit.work.quiet_hours import MailTimes

_URL = "/inbox"


@get(_URL, policy=SIGNED_IN)
async def inbox_show(request: AnyRequest) -> Response[str]:
    """Show what the reader was told, newest first."""
    ctx = context_of(request)
    unread = request.query_params.get("show") == "unread"
    before = request.query_params.get("before", "")
    number = int(before) if before.isdecimal() and len(before) < 19 else None  # noqa: PLR2004 - bigint
    found = await list_notifications(ctx, unread=unread, before=number)
    shown = found[:PAGE_SIZE]
    more = ""
    if len(found) > PAGE_SIZE:
        more = f"{_URL}?before={shown[-1].id}" + ("&show=unread" if unread else "")
    page = InboxPage(
        title=_("Inbox"),
        filters=(
            Link(label=_("All"), url=_URL, current=not unread),
            Link(label=_("Unread"), url=f"{_URL}?show=unread", current=unread),
            *(
                (Link(label=_("Approvals"), url="/approvals"),)
                if any(asks_second(plan) for plan in ctx.site.entities.values())
                else ()
            ),
        ),
        days=_days(ctx, shown),
        read_url=f"{_URL}/read" if ctx.principal.unread else None,
        settings_url="/settings/notifications",
        next_url=more or None,
        empty=Empty(
            title=_("Nothing unread") if unread else _("Nothing yet"), icon="bell",
            text=_("What you are told of stands here: reminders, answers, what waits for you."),
        ),
    )  # fmt: skip
    return answer(request, "inbox.html", title=page.title, block="inbox", page=page)


def _days(ctx: Context, shown: Iterable[Notification]) -> tuple[ToldDay, ...]:
    """Group by the days of the reader's wall clock."""

    def day_of(each: Notification) -> date:
        return each.created_at.astimezone(ctx.time_zone).date()

    return tuple(
        ToldDay(
            label=format_date(ctx, day),
            told=tuple(
                Told(
                    id=str(each.id), text=each.text, is_read=each.is_read,
                    time=format_time(ctx, each.created_at), iso=each.created_at.isoformat(),
                    url=f"{_URL}/{each.id}" if each.url else None,
                )
                for each in found
            ),
        )
        for day, found in groupby(shown, day_of)
    )  # fmt: skip


@post("/inbox/read", policy=SIGNED_IN)
async def inbox_read(request: AnyRequest) -> Response[Any]:
    """Mark everything as read."""
    await mark_read(context_of(request))
    return go(request, _URL, Flash(text=_("All read")))


@post("/inbox/{number:int}", policy=SIGNED_IN)
async def told_open(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Mark one as read and go where it leads."""
    ctx = context_of(request)
    wanted = number if number < 2**63 - 1 else 0
    found = await list_notifications(ctx, before=wanted + 1)
    each = next((one for one in found if one.id == wanted), None)
    await mark_read(ctx, wanted)
    return go(request, each.url if each is not None and each.url else _URL)


def _times(typed: Mapping[str, str], problems: Mapping[str, str]) -> FormGroup:
    labels = {
        "quiet_from": _("No mail from"),
        "quiet_to": _("No mail until"),
        "digest_at": _("Time of the digest"),
    }
    inputs = tuple(
        FieldInput(
            name=name, label=label, kind="time", value=typed.get(name, ""),
            required=name == "digest_at",
            error=f"{label} {problems[name]}." if name in problems else None,
        )
        for name, label in labels.items()
    )  # fmt: skip
    weekends = FieldInput(
        name="quiet_weekends", label=_("No mail on Saturday and Sunday"), kind="checkbox",
        value="1", checked=bool(typed.get("quiet_weekends")),
        help=_("By your own time zone. Mail that falls into these hours comes when they end."),
    )  # fmt: skip
    return FormGroup(label=_("When mail comes"), fields=(*inputs, weekends))


def _typed(times: MailTimes) -> dict[str, str]:
    clocks = {name: getattr(times, name) for name in ("quiet_from", "quiet_to", "digest_at")}
    typed = {name: f"{value:%H:%M}" for name, value in clocks.items() if value is not None}
    return typed | ({"quiet_weekends": "1"} if times.quiet_weekends else {})


def _read_times(form: Mapping[str, Any]) -> MailTimes:
    """Read what was typed; no time of the digest is a mistake, none of quiet hours is a choice."""
    problems, found = {}, dict[str, time | None]()
    for name in ("quiet_from", "quiet_to", "digest_at"):
        text = str(form.get(name) or "").strip()
        try:
            found[name] = time.fromisoformat(text).replace(tzinfo=None) if text else None
        except ValueError:
            problems[name] = _("is no time of day; enter one such as 18:30")
    digest_at = found.get("digest_at")
    if digest_at is None:
        problems.setdefault("digest_at", _("must be filled in"))
    if problems or digest_at is None:
        raise InvalidError(_("The times were not saved."), problems)
    return MailTimes(
        quiet_from=found["quiet_from"], quiet_to=found["quiet_to"], digest_at=digest_at,
        quiet_weekends=bool(form.get("quiet_weekends")),
    )  # fmt: skip


async def _choices(
    request: AnyRequest,
    choices: Mapping[str, Iterable[str]],
    typed: Mapping[str, str],
    error: InvalidError | None = None,
) -> Response[str]:
    ctx = context_of(request)
    is_mailed = await is_reached(ctx)
    rows = tuple(
        NoticeRow(
            label=_(kind.label),
            boxes=tuple(
                FieldInput(
                    name=f"{name}.{channel}", label=f"{_(kind.label)}: {_(label)}",
                    kind="checkbox", checked=channel in choices[name],
                )
                for channel, label in CHANNELS.items()
            ),
        )
        for name, kind in kinds_of(ctx.site).items()
    )  # fmt: skip
    # Boxes that are not ticked are not sent: without it an empty form would say "nothing at all".
    form = FormPage(
        title=_("Notifications"), groups=(_times(typed, error.problems if error else {}),),
        action_url="/settings/notifications", cancel_url="/inbox", submit=_("Save"),
        hidden=(("sent", "1"),), errors=(error.message,) if error else (),
        intro=_("What you are told of, and how. One thing is told once."),
    )  # fmt: skip
    page = NoticesPage(
        form=form, tabs=settings_tabs(request), rows=rows,
        columns=tuple(_(label) for label in CHANNELS.values()),
        note=_("What you tick both at once and in the digest comes at once only."),
        warning=None if is_mailed else _(
            "Nothing comes by mail yet, all of it stands in the inbox: no mail account sends "
            "notices, or you have no mail address."
        ),
    )  # fmt: skip
    status = 422 if error else 200
    return answer(request, "notices.html", title=form.title, status=status, page=page)


@get("/settings/notifications", policy=SIGNED_IN)
async def choices_show(request: AnyRequest) -> Response[str]:
    """Show what the reader can be told of, how, and when mail may come."""
    ctx = context_of(request)
    return await _choices(request, await read_choices(ctx), _typed(await read_times(ctx)))


@post("/settings/notifications", policy=SIGNED_IN)
async def choices_save(request: AnyRequest) -> Response[Any]:
    """Save it, all or nothing."""
    ctx = context_of(request)
    form = await request.form()
    if not form.get("sent"):
        return go(request, "/settings/notifications")
    chosen = {
        name: [channel for channel in CHANNELS if form.get(f"{name}.{channel}")]
        for name in kinds_of(ctx.site)
    }
    try:
        await save_wishes(ctx, chosen, _read_times(form))
    except InvalidError as error:
        typed = {name: str(value) for name, value in form.items()}
        return await _choices(request, chosen, typed, error)
    return go(request, "/settings/notifications", Flash(text=_("Saved")))


HANDLERS = (inbox_show, inbox_read, told_open, choices_show, choices_save)
