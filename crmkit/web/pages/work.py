"""Jobs as administrators see them: what waits, runs, failed for good or is parked."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.model.context import Context
from crmkit.web.format import format_moment, format_number
from crmkit.web.open_deadlines import deadlines_page
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Action, Cell, Column, Empty, Flash, Link, Row, TablePage
from crmkit.work.administration import (
    MOST,
    STATES,
    JobRow,
    cancel,
    counts,
    is_worked,
    list_jobs,
    run_again,
)
from crmkit.work.claims import LOST

_URL = "/settings/work"
DEADLINES = "deadlines"
_PAGE = 50
_FARTHEST = 10_000


def _states() -> dict[str, str]:
    return {
        "running": _("Running"),
        "later": _("Later"),
        "ready": _("Ready"),
        "dead": _("Failed for good"),
        "parked": _("Parked"),
    }


def _told(state: str) -> str:
    return {
        "running": _("What is done at this moment. When its worker is lost, it begins anew."),
        "later": _("What waits for its moment, or for another attempt."),
        "ready": _("What waits for a free worker, or for the job before it in its lane."),
        "dead": _("What was tried often enough. Mend the cause, then run it again."),
        "parked": _("What waits for its plugin to be switched on."),
    }[state]


@get(_URL, policy=ADMIN)
async def work_show(request: AnyRequest) -> Response[str]:
    """Show the jobs of a state."""
    ctx, query = context_of(request), request.query_params
    numbers = await counts(ctx)
    state = query.get("state", "")
    if state == DEADLINES:
        page = await deadlines_page(
            ctx, query, settings_tabs(request), _filters(ctx, state, numbers)
        )
        return answer(request, "table.html", title=page.title, page=page)
    if state not in STATES:
        state = next((each for each in ("dead", *STATES) if numbers[each]), "running")
    skip = _skipped(query.get("skip", ""))
    found = await list_jobs(ctx, state, skip=skip)
    jobs = found[:_PAGE]
    all_again = Action(
        name="again", label=_("Run all dead again"), icon="refresh", url=f"{_URL}/again"
    )
    page = TablePage(
        title=_("Jobs"),
        intro=_told(state) if await is_worked(ctx) else _no_worker(),
        tabs=settings_tabs(request),
        filters=_filters(ctx, state, numbers),
        actions=(all_again,) if state == "dead" and jobs else (),
        columns=_columns(state),
        rows=tuple(_row(ctx, job) for job in jobs),
        row_actions=tuple((str(job.id), _actions(job)) for job in jobs if state != "running"),
        empty=None if jobs else Empty(title=_("None of these"), text=_told(state), icon="clock"),
        prev_url=_page_url(state, skip - _PAGE) if skip else None,
        next_url=_page_url(state, skip + _PAGE) if len(found) > _PAGE else None,
    )
    return answer(request, "table.html", title=page.title, page=page)


def _no_worker() -> str:
    return _(
        "No worker was heard from in the last minute: nothing is done now. Serve without "
        "`--no-work`, or start `crmkit worker`."
    )


def _skipped(text: str) -> int:
    return min(int(text), _FARTHEST) if text.isascii() and text.isdigit() else 0


def _page_url(state: str, skip: int) -> str:
    return f"{_URL}?{urlencode({'state': state, **({'skip': skip} if skip > 0 else {})})}"


def _filters(ctx: Context, state: str, numbers: dict[str, int]) -> tuple[Link, ...]:
    def count(number: int) -> str:
        return format_number(ctx, MOST - 1) + "+" if number >= MOST else format_number(ctx, number)

    deadlines = Link(label=_("Deadlines"), url=_page_url(DEADLINES, 0), current=state == DEADLINES)
    states = (
        Link(
            label=label,
            url=_page_url(name, 0),
            current=name == state,
            count=count(numbers[name]) if numbers[name] else None,
        )
        for name, label in _states().items()
    )
    return (*states, deadlines)


def _columns(state: str) -> tuple[Column, ...]:
    last = ("progress", _("Done")) if state == "running" else ("error", _("What went wrong"))
    named = (
        ("name", _("Job")),
        ("plugin", _("Plugin")),
        ("lane", _("Lane")),
        ("at", _("Since") if state == "running" else _("Run at")),
        ("attempts", _("Attempts")),
        last,
    )
    return tuple(Column(name=name, label=label) for name, label in named)


def _row(ctx: Context, job: JobRow) -> Row:
    info = ctx.site.plugins.get(job.plugin)
    attempts = {"n": format_number(ctx, job.attempts), "all": format_number(ctx, job.max_attempts)}
    is_running = job.state == "running"
    moment = job.started_at if is_running and job.started_at else job.run_at
    cells = (
        Cell(html=f"{job.name} {job.id}"),
        Cell(html=_(info.manifest.name) if info is not None else job.plugin),
        Cell(html=job.lane or ""),
        Cell(html=format_moment(ctx, moment)),
        Cell(html=_("%(n)s of %(all)s") % attempts),
        Cell(html=_progress(ctx, job) if is_running else _error(ctx, job)),
    )
    return Row(id=str(job.id), url="", cells=cells, label=f"{job.name} {job.id}")


def _error(ctx: Context, job: JobRow) -> str:
    if job.state != "dead" or job.error != LOST:
        return _(job.error)
    text = _(
        "Its worker was killed or lost at the last of %(n)s attempts, and nothing of it stands. "
        "Look whether the machine has enough memory, then run it again."
    )
    return text % {"n": format_number(ctx, job.attempts)}


def _progress(ctx: Context, job: JobRow) -> str:
    if not job.total:
        return format_number(ctx, job.done) if job.done else ""
    words = {"n": format_number(ctx, job.done), "all": format_number(ctx, job.total)}
    return _("%(n)s of %(all)s") % words


def _actions(job: JobRow) -> tuple[Action, ...]:
    again = Action(name="again", label=_("Run again"), icon="refresh", kind="primary",
                   url=f"{_URL}/{job.id}/again")  # fmt: skip
    end = Action(
        name="cancel",
        label=_("Cancel the job"),
        icon="x",
        kind="danger",
        url=f"{_URL}/{job.id}/cancel",
        confirm=_("It is removed and never done."),
    )
    return (again, end) if job.state == "dead" else (end,)


@post(_URL + "/again", policy=ADMIN)
async def work_again(request: AnyRequest) -> Response[Any]:
    """Run all dead jobs again."""
    ctx = context_of(request)
    count = await run_again(ctx)
    text = ngettext("%(n)s job is run again", "%(n)s jobs are run again", count)
    return go(request, _page_url("dead", 0), Flash(text=text % {"n": format_number(ctx, count)}))


@post(_URL + "/{number:int}/again", policy=ADMIN)
async def job_again(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Run a dead job again."""
    await run_again(context_of(request), number)
    return go(request, _page_url("dead", 0), Flash(text=_("It is run again")))


@post(_URL + "/{number:int}/cancel", policy=ADMIN)
async def job_cancel(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Remove a job that waits, is parked or dead."""
    await cancel(context_of(request), number)
    return go(request, _URL, Flash(text=_("Cancelled")))


HANDLERS = (work_show, work_again, job_again, job_cancel)
