"""Webhooks in: the address other systems tell, who may, and what came of each telling."""

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError, LimitError, NotFoundError
from crmkit.model.context import Context
from crmkit.records.plugins.rows import system_context
from crmkit.web.format import format_moment, format_number
from crmkit.web.hook_pages import IN as _URL
from crmkit.web.hook_pages import MOST as _MOST
from crmkit.web.hook_pages import form_page, list_page, row_actions, shown_once
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN, PUBLIC
from crmkit.web.render import answer, go
from crmkit.web.secret_paths import HOOKS
from crmkit.web.services import AnyRequest, base_url, context_of, services_of, visit_of
from crmkit.web.translate import _
from crmkit.web.views import Action, Cell, Column, Empty, FieldInput, Flash, Row, TablePage
from crmkit.work.hooks import (
    Hook,
    add_hook,
    list_hooks,
    remove_hook,
    renew_address,
    renew_hook,
    switch_hook,
)
from crmkit.work.incoming_hooks import (
    LARGEST,
    HookCall,
    Told,
    list_hook_calls,
    receive,
    run_call_again,
)

_log = structlog.get_logger("crmkit.hooks")


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
    renew = Action(name="address", label=_("New address"), url=f"{base}/address", icon="key",
                   confirm=_("The old address ends at once."))  # fmt: skip
    if hook.signed:
        renew = Action(name="secret", label=_("Renew the secret"), url=f"{base}/secret",
                       icon="key", method="get")  # fmt: skip
    return row_actions(base, renew, is_on=hook.active)


@get(_URL, policy=ADMIN)
async def hooks_show(request: AnyRequest) -> Response[str]:
    """Show all addresses that are told."""
    ctx = context_of(request)
    labels = {
        "name": _("Name"), "signed": _("Who may"), "state": _("State"),
        "received": _("Received"), "last": _("Last used"),
    }  # fmt: skip
    return list_page(
        request, _URL, labels=labels,
        rows=[(_row(ctx, each), _actions(each)) for each in await list_hooks(ctx)],
        new=_("New incoming webhook"), none=_("No incoming webhooks yet"),
        intro=_("Other systems tell this one; plugins hear of it as core.hook.received."),
    )  # fmt: skip


def _secret_field(typed: str, problems: Mapping[str, str]) -> FieldInput:
    return FieldInput(
        name="secret", label=_("Secret"), value=typed, wide=True, max_length=120,
        error=problems.get("secret"),
        help=_("The one that the sender shows; empty makes a new one."),
    )  # fmt: skip


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
        _secret_field(typed.get("secret", ""), problems),
    )  # fmt: skip
    return form_page(
        request, _URL, title=_("New incoming webhook"), fields=fields,
        submit=_("Make the webhook"), error=error, back=_URL,
    )  # fmt: skip


@get(f"{_URL}/new", policy=ADMIN)
async def hook_new(request: AnyRequest) -> Response[str]:
    """Ask who tells."""
    return _form(request, {"signed": "1"})


@post(_URL, policy=ADMIN)
async def hook_create(request: AnyRequest) -> Response[Any]:
    """Make an address and show it and its secret, once."""
    ctx = context_of(request)
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in ("name", "secret", "signed")}
    try:
        _number, token, secret = await add_hook(
            ctx, typed["name"], typed["secret"], signed=bool(typed["signed"])
        )
    except InvalidError as error:
        return _form(request, typed, error)
    return _shown(request, typed["name"], token, secret)


def _shown(request: AnyRequest, name: str, token: str, secret: str) -> Response[Any]:
    """Show the address and the secret that were made just now, once; "" is none."""
    address = (
        "address", _("Address"), f"{base_url(request)}{HOOKS}{token}",
        _("It is shown only now. The sender uses POST; keep it as a password."),
    )  # fmt: skip
    key = (
        "secret", _("Secret"), secret,
        _("It is shown only now. The sender signs with it (Standard Webhooks)."),
    )  # fmt: skip
    shown = [*([address] if token else []), *([key] if secret else [])]
    title = _("Address of %(name)s") if token else _("Secret of %(name)s")
    return shown_once(request, title % {"name": name}, _URL, *shown)


async def _found(ctx: Context, number: int) -> Hook:
    for each in await list_hooks(ctx):
        if each.id == number:
            return each
    raise NotFoundError(_("There is no such webhook."))


def _renewal(
    request: AnyRequest, hook: Hook, typed: Mapping[str, str], error: InvalidError | None = None
) -> Response[str]:
    keeps = FieldInput(
        name="keeps", label=_("The old one fits for a day as well"), kind="checkbox", value="1",
        checked=bool(typed.get("keeps")),
        help=_("Not when somebody knows it who should not."),
    )  # fmt: skip
    secret = _secret_field(typed.get("secret", ""), error.problems if error else {})
    title = _("New secret of %(name)s") % {"name": hook.name}
    return form_page(
        request, f"{_URL}/{hook.id}/secret", title=title, fields=(secret, keeps),
        submit=_("Renew the secret"), error=error, back=_URL,
    )  # fmt: skip


@get(f"{_URL}/{{number:int}}/secret", policy=ADMIN)
async def hook_secret_new(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Ask for the new secret, or whether to make one."""
    return _renewal(request, await _found(context_of(request), number), {"keeps": "1"})


@post(f"{_URL}/{{number:int}}/secret", policy=ADMIN)
async def hook_secret_renew(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Renew the secret and show it, once."""
    ctx = context_of(request)
    hook, form = await _found(ctx, number), await request.form()
    typed = {name: str(form.get(name, "")) for name in ("secret", "keeps")}
    try:
        secret = await renew_hook(ctx, hook.id, typed["secret"], keeps=bool(typed["keeps"]))
    except InvalidError as error:
        return _renewal(request, hook, typed, error)
    return _shown(request, hook.name, "", secret)


@post(f"{_URL}/{{number:int}}/address", policy=ADMIN)
async def hook_address_renew(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Make a new address and show it, once."""
    ctx = context_of(request)
    hook = await _found(ctx, number)
    return _shown(request, hook.name, await renew_address(ctx, hook.id), "")


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
    found = await _found(ctx, number)
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
    hook_on, hook_remove, hook_secret_new, hook_secret_renew, hook_address_renew,
)  # fmt: skip
