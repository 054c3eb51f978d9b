"""What waits for a second person, and what one asked others for."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.records.actions import find_action
from crmkit.records.approval_merge import MERGED
from crmkit.records.approvals import (
    Approval,
    decide_approval,
    list_approvals,
    withdraw_approval,
)
from crmkit.web.format import format_moment
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Action, Cell, Column, Empty, FieldInput, Flash, Link, Row, TablePage

_URL = "/approvals"


def _states() -> dict[str, str]:
    return {
        "waiting": _("Waits"),
        "approved": _("Approved"),
        "refused": _("Refused"),
        "withdrawn": _("Taken back"),
        "stale": _("Void: the record changed"),
    }


def wanted_text(ctx: Context, approval: Approval) -> str:
    """Answer what is asked for, as a sentence without a subject."""
    plan = ctx.site.entity(approval.entity)
    if approval.action:
        return _(find_action(plan, approval.action).label)
    state = plan.lifecycle.state(str(approval.input.get(plan.lifecycle.column, "")))
    return _("Move to %(state)s") % {"state": _(state.label) if state else "?"}


def _row(ctx: Context, approval: Approval) -> Row:
    plan = ctx.site.entity(approval.entity)
    record = f"{_(plan.singular)} {approval.record}"
    told = _states()[approval.state]
    if approval.decider and approval.state in {"approved", "refused"}:
        told = f"{told}: {approval.decider}"
    cells = (
        Cell(html=wanted_text(ctx, approval)),
        Cell(html=record, url=f"/{approval.entity}/{approval.record}"),
        Cell(html=approval.asker),
        Cell(html=format_moment(ctx, approval.asked_at)),
        Cell(html=told, tone="bad" if approval.state in {"refused", "stale"} else ""),
        Cell(html=_(MERGED) if approval.reason == MERGED else approval.reason or approval.note),
    )
    url = f"/{approval.entity}/{approval.record}"
    return Row(id=str(approval.id), url=url, cells=cells, label=record)


def _deciding(approval: Approval) -> tuple[Action, ...]:
    reason = FieldInput(name="reason", label=_("Why"), kind="textarea", required=True,
                        max_length=500, wide=True)  # fmt: skip
    return (
        Action(
            name="approve", label=_("Approve"), icon="check", kind="primary",
            url=f"{_URL}/{approval.id}/approve",
            confirm=_("It is done at once, in your name, and can be undone."),
        ),
        Action(
            name="refuse", label=_("Refuse"), icon="x", kind="danger",
            url=f"{_URL}/{approval.id}/refuse", fields=(reason,),
        ),
    )  # fmt: skip


def _own(approval: Approval) -> tuple[Action, ...]:
    if approval.state != "waiting":
        return ()
    return (Action(name="withdraw", label=_("Take back"), url=f"{_URL}/{approval.id}/withdraw"),)


@get(_URL, policy=SIGNED_IN)
async def approvals_show(request: AnyRequest) -> Response[str]:
    """Show what waits for the reader, or with `own` what he asked for."""
    ctx = context_of(request)
    waiting, own = await list_approvals(ctx)
    is_own = request.query_params.get("show") == "own"
    shown = own if is_own else waiting
    labels = {
        "what": _("What"), "record": _("Record"), "by": _("Asked by"), "at": _("When"),
        "state": _("State"), "note": _("Note"),
    }  # fmt: skip
    page = TablePage(
        title=_("Approvals"),
        intro=_("Some things need a second person: one who did not do the work."),
        filters=(
            Link(label=_("Waiting for me"), url=_URL, current=not is_own, count=str(len(waiting))),
            Link(label=_("Asked by me"), url=f"{_URL}?show=own", current=is_own),
        ),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(_row(ctx, each) for each in shown),
        row_actions=tuple(
            (str(each.id), _own(each) if is_own else _deciding(each)) for each in shown
        ),
        empty=Empty(title=_("Nothing waits here"), icon="check"),
    )
    return answer(request, "table.html", title=page.title, page=page)


@post("/approvals/{number:int}/approve", policy=SIGNED_IN)
async def approval_approve(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Approve: what was asked for is done."""
    url, operation = await decide_approval(context_of(request), number, approve=True)
    undo = f"/history/{operation}/undo" if operation else None
    return go(request, url, Flash(text=_("Approved and done"), undo_url=undo))


@post("/approvals/{number:int}/refuse", policy=SIGNED_IN)
async def approval_refuse(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Refuse, with the reason that the asker reads."""
    form = await request.form()
    reason = str(form.get("refuse.reason", form.get("reason", "")))
    try:
        await decide_approval(context_of(request), number, approve=False, reason=reason)
    except InvalidError as error:
        text = " ".join(error.problems.values()) or error.message
        return go(request, _URL, Flash(text=f"{_('Why')} {text}", kind="bad"))
    return go(request, _URL, Flash(text=_("Refused; who asked is told why")))


@post("/approvals/{number:int}/withdraw", policy=SIGNED_IN)
async def approval_withdraw(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Take one's own question back."""
    await withdraw_approval(context_of(request), number)
    return go(request, f"{_URL}?show=own", Flash(text=_("Taken back")))


HANDLERS = (approvals_show, approval_approve, approval_refuse, approval_withdraw)
