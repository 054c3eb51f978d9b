"""Webhooks: who is told of events, and what came of each telling."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.context import Context
from crmkit.web.format import format_moment, format_number
from crmkit.web.hook_pages import MOST, form_page, list_page, row_actions, shown_once
from crmkit.web.hook_pages import OUT as _URL
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of, services_of
from crmkit.web.translate import _
from crmkit.web.views import Action, Cell, Column, Empty, FieldInput, Flash, Row, TablePage
from crmkit.work.events import RECORD_EVENTS, event_names
from crmkit.work.webhook_calls import WebhookCall, list_calls, send_again, send_test
from crmkit.work.webhooks import (
    WebhookRow,
    add_webhook,
    edit_webhook,
    list_webhooks,
    remove_webhook,
    renew_secret,
    switch_webhook,
)


def _state(ctx: Context, row: WebhookRow) -> Cell:
    if not row.active:
        return Cell(html=_("Off"), tone="ink-3")
    if row.paused_until and row.paused_until > ctx.now():
        until = {"time": format_moment(ctx, row.paused_until)}
        return Cell(html=_("Paused until %(time)s") % until, tone="bad", icon="alert-triangle")
    if row.failures:
        failed = {"n": format_number(ctx, row.failures)}
        return Cell(html=_("%(n)s failures in a row") % failed, tone="warn")
    return Cell(html=_("On"))


def _row(ctx: Context, row: WebhookRow) -> Row:
    cells = (
        Cell(html=row.name),
        Cell(html=row.url),
        Cell(html=", ".join(row.events)),
        _state(ctx, row),
    )
    return Row(id=str(row.id), url=f"{_URL}/{row.id}", cells=cells, label=row.name)


def _actions(row: WebhookRow) -> tuple[Action, ...]:
    base = f"{_URL}/{row.id}"
    edit = Action(name="edit", label=_("Edit"), url=f"{base}/edit", icon="pencil", method="get")
    test = Action(name="test", label=_("Send a test"), url=f"{base}/test", icon="send")
    renew = Action(name="secret", label=_("Renew the secret"), url=f"{base}/secret", icon="key",
                   confirm=_("For a day the old one signs as well."))  # fmt: skip
    return row_actions(base, edit, test, renew, is_on=row.active and not row.paused_until)


@get(_URL, policy=ADMIN)
async def webhooks_show(request: AnyRequest) -> Response[str]:
    """Show all webhooks."""
    ctx = context_of(request)
    labels = {"name": _("Name"), "url": _("Address"), "events": _("Events"), "state": _("State")}
    return list_page(
        request, _URL, labels=labels,
        rows=[(_row(ctx, each), _actions(each)) for each in await list_webhooks(ctx)],
        new=_("New webhook"), none=_("No webhooks yet"),
        intro=_("Other systems are told when something happens, and can check that it was you."),
    )  # fmt: skip


def _events(ctx: Context) -> tuple[list[str], list[str]]:
    """Answer the entities whose records are told of, and the names of all other events."""
    names = event_names(ctx.site)
    entities = [name for name in ctx.site.entities if f"{name}.created" in names]
    of_records = {f"{name}.{verb}" for name in ctx.site.entities for verb in RECORD_EVENTS}
    return sorted(entities), sorted(names.keys() - of_records)


def _form(
    request: AnyRequest,
    typed: dict[str, str],
    error: InvalidError | None = None,
    number: int | None = None,
) -> Response[str]:
    """Answer the form of a new webhook, or of the one with this number."""
    problems = error.problems if error else {}
    ctx = context_of(request)
    entities, others = _events(ctx)
    fields = (
        FieldInput(name="name", label=_("Name"), value=typed.get("name", ""), required=True,
                   max_length=100, error=problems.get("name"), autofocus=True),
        FieldInput(name="url", label=_("Address"), kind="url", value=typed.get("url", ""),
                   required=True, error=problems.get("url"),
                   help=_("It begins with https:// and is asked with POST.")),
        FieldInput(name="events", label=_("Events"), kind="textarea", wide=True, required=True,
                   value=typed.get("events", ""), error=problems.get("events"),
                   help=_("One a line; * stands for any word. What happens to records is "
                          ".created, .updated, .trashed, .restored and .merged, of: %(entities)s. "
                          "Besides there are: %(others)s.")
                   % {"entities": ", ".join(entities), "others": ", ".join(others)}),
    )  # fmt: skip
    if number is not None:
        return form_page(
            request, f"{_URL}/{number}/edit", title=_("Edit the webhook"), fields=fields,
            submit=_("Save"), error=error, back=f"{_URL}/{number}",
        )  # fmt: skip
    return form_page(
        request, _URL, title=_("New webhook"), fields=fields, submit=_("Make the webhook"),
        error=error, back=_URL,
    )  # fmt: skip


async def _typed(request: AnyRequest) -> tuple[dict[str, str], list[str]]:
    """Answer what was typed, and the events line by line."""
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in ("name", "url", "events")}
    return typed, [line.strip() for line in typed["events"].splitlines() if line.strip()]


@get(f"{_URL}/new", policy=ADMIN)
async def webhook_new(request: AnyRequest) -> Response[str]:
    """Ask who is told of what."""
    return _form(request, {"events": "crm.*.created\ncrm.*.updated"})


@post(_URL, policy=ADMIN)
async def webhook_create(request: AnyRequest) -> Response[Any]:
    """Make a webhook and show its secret, once."""
    ctx = context_of(request)
    typed, events = await _typed(request)
    known = list(event_names(ctx.site))
    try:
        _number, secret = await add_webhook(ctx, typed["name"], typed["url"], events, known)
    except InvalidError as error:
        return _form(request, typed, error)
    await services_of(request).renew()
    return _secret_page(request, typed["name"], secret)


async def _found(ctx: Context, number: int) -> WebhookRow:
    found = next((each for each in await list_webhooks(ctx) if each.id == number), None)
    if found is None:
        raise NotFoundError(_("There is no such webhook."))
    return found


@get(f"{_URL}/{{number:int}}/edit", policy=ADMIN)
async def webhook_edit(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Ask who is told of what instead."""
    row = await _found(context_of(request), number)
    typed = {"name": row.name, "url": row.url, "events": "\n".join(row.events)}
    return _form(request, typed, number=number)


@post(f"{_URL}/{{number:int}}/edit", policy=ADMIN)
async def webhook_update(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Tell another address or of other events."""
    ctx = context_of(request)
    typed, events = await _typed(request)
    known = list(event_names(ctx.site))
    try:
        await edit_webhook(ctx, min(number, MOST), typed["name"], typed["url"], events, known)
    except InvalidError as error:
        return _form(request, typed, error, number)
    await services_of(request).renew()
    return go(request, f"{_URL}/{number}", Flash(text=_("Saved")))


@post(f"{_URL}/{{number:int}}/secret", policy=ADMIN)
async def secret_renew(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Make a new secret and show it, once."""
    ctx = context_of(request)
    secret = await renew_secret(ctx, min(number, MOST))
    name = next((each.name for each in await list_webhooks(ctx) if each.id == number), "")
    return _secret_page(request, name, secret)


def _secret_page(request: AnyRequest, name: str, secret: str) -> Response[Any]:
    told = _("It is shown only now. The receiver checks signatures with it (Standard Webhooks).")
    title = _("Secret of %(name)s") % {"name": name}
    return shown_once(request, title, _URL, ("secret", _("Secret"), secret, told))


def _call_row(ctx: Context, call: WebhookCall) -> Row:
    states = {"waiting": _("Waits"), "sent": _("Sent"), "failed": _("Failed for good")}
    state = _("Waits, its job died") if call.stuck else states[call.state]
    cells = (
        Cell(html=call.name),
        Cell(html=state, tone="bad" if call.stuck or call.state == "failed" else ""),
        Cell(html=str(call.status or "")),
        Cell(html=format_number(ctx, call.attempts)),
        Cell(html=f"{call.ms} ms" if call.ms is not None else ""),
        Cell(html=format_moment(ctx, call.at)),
        Cell(html=call.answer[:120]),
    )
    return Row(id=str(call.id), url="", cells=cells, label=call.name)


@get(f"{_URL}/{{number:int}}", policy=ADMIN)
async def calls_show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show what a webhook was told."""
    ctx = context_of(request)
    found = await _found(ctx, number)
    calls = await list_calls(ctx, number)
    labels = {
        "name": _("Event"), "state": _("State"), "status": _("Status"), "attempts": _("Attempts"),
        "ms": _("Time"), "at": _("When"), "answer": _("Answer"),
    }  # fmt: skip
    base = f"{_URL}/{number}"
    page = TablePage(
        title=found.name,
        intro=found.url,
        tabs=settings_tabs(request),
        actions=(
            Action(name="edit", label=_("Edit"), url=f"{base}/edit", icon="pencil", method="get"),
            Action(name="test", label=_("Send a test"), url=f"{base}/test", icon="send"),
            Action(name="again", label=_("Send all failed again"), url=f"{base}/again",
                   icon="refresh"),
        ),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(_call_row(ctx, each) for each in calls),
        row_actions=tuple(
            (
                str(each.id),
                (Action(name="again", label=_("Send again"), url=f"{base}/again/{each.id}"),),
            )
            for each in calls
            if each.stuck or each.state != "waiting"
        ),
        empty=Empty(title=_("Nothing was told yet"), icon="send"),
    )  # fmt: skip
    return answer(request, "table.html", title=page.title, page=page)


@post(f"{_URL}/{{number:int}}/test", policy=ADMIN)
async def test_send(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Send a trial."""
    ctx = context_of(request)
    await _found(ctx, number)
    await send_test(ctx, number)
    return go(request, f"{_URL}/{number}", Flash(text=_("A test is on its way")))


@post(f"{_URL}/{{number:int}}/again", policy=ADMIN)
async def failed_again(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Send everything that failed once more."""
    count = await send_again(context_of(request), min(number, MOST))
    text = _("%(n)s are sent again") % {"n": count}
    return go(request, f"{_URL}/{number}", Flash(text=text))


@post(f"{_URL}/{{number:int}}/again/{{call:int}}", policy=ADMIN)
async def call_again(
    request: AnyRequest, number: FromPath[int], call: FromPath[int]
) -> Response[Any]:
    """Send one telling once more."""
    count = await send_again(context_of(request), min(number, MOST), min(call, MOST))
    text = _("%(n)s are sent again") % {"n": count}
    return go(request, f"{_URL}/{number}", Flash(text=text))


@post(f"{_URL}/{{number:int}}/off", policy=ADMIN)
async def webhook_off(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Switch a webhook off; what waits fails."""
    return await _switch(request, number, active=False)


@post(f"{_URL}/{{number:int}}/on", policy=ADMIN)
async def webhook_on(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Switch a webhook on, which ends a pause."""
    return await _switch(request, number, active=True)


async def _switch(request: AnyRequest, number: int, *, active: bool) -> Response[Any]:
    await switch_webhook(context_of(request), min(number, MOST), active=active)
    await services_of(request).renew()
    return go(request, _URL, Flash(text=_("Saved")))


@post(f"{_URL}/{{number:int}}/remove", policy=ADMIN)
async def webhook_remove(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Remove a webhook and its log."""
    await remove_webhook(context_of(request), min(number, MOST))
    await services_of(request).renew()
    return go(request, _URL, Flash(text=_("Removed")))


HANDLERS = (
    webhooks_show, webhook_new, webhook_create, calls_show, test_send, failed_again, call_again,
    webhook_off, webhook_on, webhook_remove, secret_renew,
    webhook_edit, webhook_update,
)  # fmt: skip
