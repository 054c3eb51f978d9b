"""Work that goes on behind its page: how far it is, how it went, and ending it."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.model.context import Context
from crmkit.records.runs import Run, end_run, find_run, list_runs
from crmkit.web.format import format_moment, format_number
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Flash, Link, Progress, RunPage


def _states() -> dict[str, str]:
    return {
        "running": _("under way"),
        "done": _("done"),
        "failed": _("failed"),
        "cancelled": _("stopped"),
        "interrupted": _("interrupted"),
    }


def _title(ctx: Context, run: Run) -> str:
    plan = ctx.site.entities.get(run.entity)
    return f"{_(plan.label) if plan else run.entity}: {_(run.label)}"


def _progress(ctx: Context, run: Run) -> Progress:
    words = {"n": format_number(ctx, run.done), "all": format_number(ctx, run.total)}
    return Progress(
        label=_("Working"),
        share=round(max(100 * run.done / run.total if run.total else 0, 2), 1),
        text=_("%(n)s of %(all)s records") % words if run.total else "",
        poll_url=f"/runs/{run.id}",
        cancel_url=f"/runs/{run.id}/end",
    )


def _told(ctx: Context, run: Run) -> str:
    if run.state == "failed":
        return run.error
    if run.state == "done":
        number = {"n": format_number(ctx, run.changed)}
        return ngettext("%(n)s record changed", "%(n)s records changed", run.changed) % number
    return {
        "cancelled": _("It was stopped. Nothing was changed."),
        "interrupted": _("The server was stopped meanwhile. Nothing was changed; begin again."),
    }.get(run.state, "")


def _skipped(ctx: Context, run: Run) -> tuple[str, tuple[Link, ...]]:
    text = ngettext("%(n)s record left as it was", "%(n)s records left as they were", run.left_out)
    links = tuple(
        Link(label=f"{run.entity} {number}", url=f"/{run.entity}/{number}", help=reason)
        for number, reason in run.skipped
    )
    return (text % {"n": format_number(ctx, run.left_out)} if links else ""), links


@get("/runs", policy=SIGNED_IN)
async def runs_show(request: AnyRequest) -> Response[str]:
    """Show the last runs."""
    ctx = context_of(request)
    states = _states()
    links = tuple(
        Link(
            label=_title(ctx, run),
            url=f"/runs/{run.id}",
            help=f"{states[run.state]}, {format_moment(ctx, run.started_at)}",
        )
        for run in await list_runs(ctx)
    )
    page = RunPage(title=_("Background work"), runs=links)
    return answer(request, "run.html", title=page.title, page=page)


@get("/runs/{number:int}", policy=SIGNED_IN)
async def run_show(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Show how far a run is, or how it went; htmx asks for the bar alone."""
    ctx = context_of(request)
    run = await find_run(ctx, number)
    is_running = run.state == "running"
    if wants_fragment(request) and not is_running:
        return go(request, f"/runs/{number}")
    text, skipped = _skipped(ctx, run)
    plan = ctx.site.entities.get(run.entity)
    page = RunPage(
        title=_title(ctx, run),
        progress=_progress(ctx, run) if is_running else None,
        text=_told(ctx, run),
        kind="bad" if run.state == "failed" else "ok" if run.state == "done" else "warn",
        skipped=skipped,
        skipped_text=text,
        undo_url=f"/history/{run.operation}/undo" if run.operation and run.changed else None,
        back_url=f"/{run.entity}" if plan else "/",
        back_label=_(plan.label) if plan else _("Home"),
    )
    return answer(request, "run.html", title=page.title, block="progress", page=page)


@post("/runs/{number:int}/end", policy=SIGNED_IN)
async def run_end(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Ask a run to stop; nothing it did stays."""
    await end_run(context_of(request), number)
    return go(request, f"/runs/{number}", Flash(text=_("It stops now; nothing stays changed.")))


HANDLERS = (runs_show, run_show, run_end)
