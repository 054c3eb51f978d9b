"""The calendar of a person as a feed, and its address among the settings."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.feeds import end_feed, find_feed, make_feed
from crmkit.errors import ConflictError, NotFoundError
from crmkit.model.context import Context
from crmkit.records.agenda import list_agenda
from crmkit.web.ics import write_ics
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import PUBLIC, SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, base_url, context_of, services_of, visit_of
from crmkit.web.translate import _, catalogue_in_force
from crmkit.web.views import FieldInput, Flash, FormGroup, FormPage, SettingsPage

_END = ".ics"
_BACK, _AHEAD = timedelta(days=90), timedelta(days=400)
_ACCOUNT = "/settings/account"


@get("/calendar/{name:str}", policy=PUBLIC)
async def calendar_show(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """Send the calendar of whom the secret in the address is of; nothing can be changed by it."""
    services = services_of(request)
    secret = name.removesuffix(_END) if name.endswith(_END) else ""
    found = await find_feed(services.db, secret, services.site.roles)
    if found is None:
        raise NotFoundError(_("There is no such calendar. Its owner can make a new address."))
    person, feed = found
    # The guard knows nobody here: rights, language and zone are those of the owner.
    visit_of(request).principal = person
    catalogue_in_force.set(services.texts.of(person.language or services.config.language))
    ctx = context_of(request)
    today = ctx.now().astimezone(ctx.time_zone).date()
    first, last = today - _BACK, today + _AHEAD
    items = await list_agenda(ctx, first, last, with_holidays=feed.with_holidays)
    title = f"{services.config.name}: {person.name}"
    content = await asyncio.to_thread(
        write_ics, items, title, ctx.time_zone.key, _base(request), first, last
    )
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=300"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    headers["Content-Disposition"] = 'inline; filename="calendar.ics"'
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _base(request: AnyRequest) -> str:
    try:
        return base_url(request)
    except ConflictError:
        return ""  # entries without links are better than none


def _me(ctx: Context) -> int:
    if ctx.user_id is None:
        raise RuntimeError("A signed-in person has an id.")
    return ctx.user_id


@post("/settings/calendar", policy=SIGNED_IN)
async def feed_create(request: AnyRequest) -> Response[Any]:
    """Make the address of one's own calendar and show it, once; the one before ends."""
    ctx = context_of(request)
    base = base_url(request)
    wanted = bool((await request.form()).get("holidays"))
    secret = await make_feed(ctx.db, _me(ctx), with_holidays=wanted)
    shown = FieldInput(
        name="address",
        label=_("Address of the calendar"),
        value=f"{base}/calendar/{secret}{_END}",
        readonly=True,
        required=True,
        wide=True,
        help=_("It is shown only now. Who has it reads your calendar: keep it as a password."),
    )
    form = FormPage(
        title="",
        groups=(FormGroup(fields=(shown,)),),
        action_url=_ACCOUNT,
        cancel_url=_ACCOUNT,
        submit=_("Done"),
        is_get=True,
    )
    page = SettingsPage(title=_("Calendar feed"), tabs=settings_tabs(request), forms=(form,))
    return answer(request, "settings.html", title=page.title, page=page)


@post("/settings/calendar/end", policy=SIGNED_IN)
async def feed_end(request: AnyRequest) -> Response[Any]:
    """End the address of one's own calendar at once."""
    ctx = context_of(request)
    await end_feed(ctx.db, _me(ctx))
    return go(request, _ACCOUNT, Flash(text=_("The address of your calendar has ended")))


HANDLERS = (calendar_show, feed_create, feed_end)
