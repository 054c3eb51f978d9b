"""Webhooks in: the address other systems tell, who may, and what came of each telling."""

from typing import Any

import structlog
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError, LimitError, NotFoundError
from crmkit.model.context import Context
from crmkit.records.plugins.rows import system_context
from crmkit.web.format import format_moment, format_number
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.pages.webhooks import webhook_ways
from crmkit.web.policy import ADMIN, PUBLIC
from crmkit.web.render import answer, go
from crmkit.web.secret_paths import HOOKS
from crmkit.web.services import AnyRequest, base_url, context_of, services_of, visit_of
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    Cell,
    Column,
    Empty,
    FieldInput,
    Flash,
    FormGroup,
    FormPage,
    Link,
    Row,
    SettingsPage,
    TablePage,
)
from crmkit.work.incoming_hooks import (
    LARGEST,
    Hook,
    HookCall,
    Told,
    add_hook,
    list_hook_calls,
    list_hooks,
    receive,
    remove_hook,
    run_call_again,
    switch_hook,
)

_log = structlog.get_logger("crmkit.hooks")
_URL = "/settings/webhooks/incoming"
_MOST = 2**63 - 1


# The application's own limit would answer with a page, and leave nothing in the log of the hook.
@post(f"{HOOKS}{{token:str}}", policy=PUBLIC, request_max_body_size=None)
async def hook_receive(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Take what another system tells; the token in the address says which one."""
    services, visit = services_of(request), visit_of(request)
    ctx = system_context(services.config, services.db, services.site, "api")
    headers = {name: request.headers.get(name, "") for name in (
        "webhook-id", "webhook-timestamp", "webhook-signature", "content-type",
    )}  # fmt: skip
    more: dict[str, str] = {}
    try:
        told = await receive(ctx, token, visit.address, headers, await _read(request))
    except LimitError as error:
        told = Told(429, error.message)
        more["Retry-After"] = str(error.retry_after)
    if told.status >= 400:  # noqa: PLR2004 - refused
        _log.warning("hook refused", id=visit.request_id, status=told.status, reason=told.text)
    return Response(told.text, status_code=told.status, media_type="text/plain", headers=more)


async def _read(request: AnyRequest) -> bytes:
    """Answer the body, or a little more of it than it may have."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            break
    return bytes(body[: LARGEST + 1])


def _row(ctx: Context, hook: Hook) -> Row:
    cells = (
        Cell(html=hook.name),
        Cell(html=_("Signed") if hook.signed else _("Whoever has the address")),
        Cell(html=_("On")) if hook.active else Cell(html=_("Off"), tone="ink-3"),
        Cell(html=format_number(ctx, hook.received)),
        Cell(html=format_moment(ctx, hook.last_at) if hook.last_at else _("Never")),
    )
    return Row(id=str(hook.id), url=f"{_URL}/{hook.id}", cells=cells, label=hook.name)


def _actions(hook: Hook) -> tuple[Action, ...]:
    base = f"{_URL}/{hook.id}"
    switch = Action(name="off", label=_("Switch off"), url=f"{base}/off", icon="x")
    if not hook.active:
        switch = Action(name="on", label=_("Switch on"), url=f"{base}/on", icon="player-play")
    remove = Action(
        name="remove", label=_("Remove"), url=f"{base}/remove", icon="trash", kind="danger",
        confirm=_("Its log goes as well."),
    )  # fmt: skip
    return switch, remove


@get(_URL, policy=ADMIN)
async def hooks_show(request: AnyRequest) -> Response[str]:
    """Show all addresses that are told."""
    ctx = context_of(request)
    hooks = await list_hooks(ctx)
    new = Link(label=_("New incoming webhook"), url=f"{_URL}/new", icon="plus")
    labels = {
        "name": _("Name"), "signed": _("Who may"), "state": _("State"),
        "received": _("Received"), "last": _("Last used"),
    }  # fmt: skip
    page = TablePage(
        title=_("Webhooks"),
        intro=_("Other systems tell this one; plugins hear of it as core.hook.received."),
        tabs=settings_tabs(request),
        filters=webhook_ways(_URL),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(_row(ctx, each) for each in hooks),
        row_actions=tuple((str(each.id), _actions(each)) for each in hooks),
        actions=(Action(name="new", label=new.label, url=new.url, method="get", kind="primary"),),
        empty=Empty(title=_("No incoming webhooks yet"), icon="plug", actions=(new,)),
    )
    return answer(request, "table.html", title=page.title, page=page)


def _form(
    request: AnyRequest, typed: dict[str, str], error: InvalidError | None = None
) -> Response[str]:
    problems = error.problems if error else {}
    fields = (
        FieldInput(name="name", label=_("Name"), value=typed.get("name", ""), required=True,
                   max_length=100, error=problems.get("name"), autofocus=True,
                   help=_("Who tells, such as: Shop.")),
        FieldInput(name="signed", label=_("Messages are signed (Standard Webhooks)"),
                   kind="checkbox", value="1", checked=bool(typed.get("signed"))),
        FieldInput(name="secret", label=_("Secret"), value=typed.get("secret", ""), wide=True,
                   max_length=120, error=problems.get("secret"),
                   help=_("The one that the sender shows; empty makes a new one.")),
    )  # fmt: skip
    page = FormPage(
        title=_("New incoming webhook"), groups=(FormGroup(fields=fields),), action_url=_URL,
        cancel_url=_URL, submit=_("Make the webhook"),
        errors=(error.message,) if error and not problems else (),
    )  # fmt: skip
    return answer(request, "form.html", title=page.title, status=422 if error else 200, page=page)


@get(f"{_URL}/new", policy=ADMIN)
async def hook_new(request: AnyRequest) -> Response[str]:
    """Ask who tells."""
    return _form(request, {"signed": "1"})


@post(_URL, policy=ADMIN)
async def hook_create(request: AnyRequest) -> Response[Any]:
    """Make an address and show it and its secret, once."""
    ctx, base = context_of(request), base_url(request)
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in ("name", "secret", "signed")}
    try:
        _number, token, secret = await add_hook(
            ctx, typed["name"], typed["secret"], signed=bool(typed["signed"])
        )
    except InvalidError as error:
        return _form(request, typed, error)
    shown = (
        FieldInput(name="address", label=_("Address"), value=f"{base}{HOOKS}{token}", readonly=True,
                   required=True, wide=True,
                   help=_("It is shown only now. The sender uses POST; keep it as a password.")),
        FieldInput(name="secret", label=_("Secret"), value=secret, readonly=True, wide=True,
                   help=_("It is shown only now. The sender signs with it (Standard Webhooks).")),
    )  # fmt: skip
    done = FormPage(
        title="", groups=(FormGroup(fields=shown if secret else shown[:1]),), action_url=_URL,
        cancel_url=_URL, submit=_("Done"), is_get=True,
    )  # fmt: skip
    page = SettingsPage(
        title=_("Address of %(name)s") % {"name": typed["name"]}, tabs=settings_tabs(request),
        forms=(done,),
    )  # fmt: skip
    return answer(request, "settings.html", title=page.title, page=page)


def _call_row(ctx: Context, call: HookCall) -> Row:
    states = {"received": _("Received"), "refused": _("Refused"), "repeated": _("Repeated")}
    tones = {"received": "", "refused": "bad", "repeated": "ink-3"}
    cells = (
        Cell(html=states[call.state], tone=tones[call.state]),
        Cell(html=format_moment(ctx, call.at)),
        Cell(html=call.message_id),
        Cell(html=call.content_type),
        Cell(html=format_number(ctx, call.size)),
        Cell(html=format_number(ctx, call.runs)),
        Cell(html=call.reason or call.start[:120]),
    )
    return Row(id=str(call.id), url="", cells=cells, label=call.message_id or str(call.id))


@get(f"{_URL}/{{number:int}}", policy=ADMIN)
async def hook_calls_show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show what an address was told."""
    ctx = context_of(request)
    found = next((each for each in await list_hooks(ctx) if each.id == number), None)
    if found is None:
        raise NotFoundError(_("There is no such webhook."))
    calls = await list_hook_calls(ctx, number)
    labels = {
        "state": _("State"), "at": _("When"), "id": _("Message"), "type": _("Kind"),
        "size": _("Bytes"), "runs": _("Runs"), "body": _("Content"),
    }  # fmt: skip
    page = TablePage(
        title=found.name,
        intro=_("The last hundred messages; they are kept for 30 days."),
        tabs=settings_tabs(request),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(_call_row(ctx, each) for each in calls),
        row_actions=tuple(
            (
                str(each.id),
                (
                    Action(
                        name="again", label=_("Run again"), url=f"{_URL}/{number}/again/{each.id}"
                    ),
                ),
            )
            for each in calls
            if each.state == "received"
        ),
        empty=Empty(title=_("Nothing was told yet"), icon="inbox"),
    )
    return answer(request, "table.html", title=page.title, page=page)


@post(f"{_URL}/{{number:int}}/again/{{call:int}}", policy=ADMIN)
async def hook_call_again(
    request: AnyRequest, number: FromPath[int], call: FromPath[int]
) -> Response[Any]:
    """Let plugins hear of a message once more."""
    await run_call_again(context_of(request), min(call, _MOST))
    return go(request, f"{_URL}/{number}", Flash(text=_("It is run again")))


@post(f"{_URL}/{{number:int}}/off", policy=ADMIN)
async def hook_off(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Switch an address off; until it is on again, it is not there."""
    return await _switch(request, number, active=False)


@post(f"{_URL}/{{number:int}}/on", policy=ADMIN)
async def hook_on(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Switch an address on."""
    return await _switch(request, number, active=True)


async def _switch(request: AnyRequest, number: int, *, active: bool) -> Response[Any]:
    await switch_hook(context_of(request), min(number, _MOST), active=active)
    return go(request, _URL, Flash(text=_("Saved")))


@post(f"{_URL}/{{number:int}}/remove", policy=ADMIN)
async def hook_remove(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Remove an address and its log."""
    await remove_hook(context_of(request), min(number, _MOST))
    return go(request, _URL, Flash(text=_("Removed")))


HANDLERS = (
    hook_receive, hooks_show, hook_new, hook_create, hook_calls_show, hook_call_again, hook_off,
    hook_on, hook_remove,
)  # fmt: skip
