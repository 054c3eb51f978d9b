"""What a person was told, and how he wants to be told."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.model.notification import CHANNELS
from crmkit.records.approvals import asks_second
from crmkit.web.format import format_moment
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
    SettingsPage,
    Told,
)
from crmkit.work.notifications import (
    PAGE_SIZE,
    kinds_of,
    list_notifications,
    mark_read,
    read_choices,
    save_choices,
)

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
        told=tuple(
            Told(
                id=str(each.id), text=each.text, is_read=each.is_read,
                time=format_moment(ctx, each.created_at), iso=each.created_at.isoformat(),
                url=f"{_URL}/{each.id}" if each.url else None,
            )
            for each in shown
        ),
        read_url=f"{_URL}/read" if ctx.principal.unread else None,
        settings_url="/settings/notifications",
        next_url=more or None,
        empty=Empty(
            title=_("Nothing unread") if unread else _("Nothing yet"), icon="bell",
            text=_("What you are told of stands here: reminders, answers, what waits for you."),
        ),
    )  # fmt: skip
    return answer(request, "inbox.html", title=page.title, block="inbox", page=page)


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


@get("/settings/notifications", policy=SIGNED_IN)
async def choices_show(request: AnyRequest) -> Response[str]:
    """Show what the reader can be told of."""
    ctx = context_of(request)
    choices = await read_choices(ctx)
    groups = tuple(
        FormGroup(
            label=_(kind.label),
            fields=tuple(
                FieldInput(
                    name=f"{name}.{channel}", label=_(label), kind="checkbox", value="1",
                    checked=channel in choices[name],
                )
                for channel, label in CHANNELS.items()
            ),
        )
        for name, kind in kinds_of(ctx.site).items()
    )  # fmt: skip
    # Boxes that are not ticked are not sent: without it an empty form would say "nothing at all".
    sent = FormGroup(fields=(FieldInput(name="sent", label="", kind="hidden", value="1"),))
    form = FormPage(
        title="", groups=(*groups, sent), action_url="/settings/notifications", cancel_url="/inbox",
        submit=_("Save"),
    )  # fmt: skip
    page = SettingsPage(
        title=_("Notifications"), tabs=settings_tabs(request), forms=(form,),
        intro=_("What you are told of, and how. One thing is told once."),
    )  # fmt: skip
    return answer(request, "settings.html", title=page.title, page=page)


@post("/settings/notifications", policy=SIGNED_IN)
async def choices_save(request: AnyRequest) -> Response[Any]:
    """Save it."""
    ctx = context_of(request)
    form = await request.form()
    chosen = {
        name: [channel for channel in CHANNELS if form.get(f"{name}.{channel}")]
        for name in kinds_of(ctx.site)
    }
    if form.get("sent"):
        await save_choices(ctx, chosen)
    return go(request, "/settings/notifications", Flash(text=_("Saved")))


HANDLERS = (inbox_show, inbox_read, told_open, choices_show, choices_save)
