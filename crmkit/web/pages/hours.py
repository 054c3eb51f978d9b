"""Working hours: calendars with their week, holidays, and when so much work is done."""

from litestar import Response, get

from crmkit.web.hours_view import URL, Question, calculator, card_of, holiday_lines, reckon
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import HoursPage, Link
from crmkit.work.calendars import default_row, list_calendars


@get(URL, policy=ADMIN)
async def hours_show(request: AnyRequest) -> Response[str]:
    """Show the working calendars; `show` chooses the one that holidays and calculator are of."""
    ctx = context_of(request)
    rows = await list_calendars(ctx) or (await default_row(ctx),)
    asked = request.query_params
    chosen = next((row for row in rows if str(row.id or 0) == asked.get("show", "")), rows[0])
    question = Question(asked.get("start", "")[:40], asked.get("length", "")[:40])
    found = await reckon(ctx, chosen, question)
    cards = tuple(card_of(ctx, row) for row in rows)
    page = HoursPage(
        title=_("Working hours"),
        intro=_("Deadlines, promised times and absences are counted in these hours."),
        tabs=settings_tabs(request),
        cards=cards,
        actions=(
            Link(label=_("New calendar"), url="/core.calendar/new", icon="plus"),
            Link(label=_("Working calendars"), url="/core.calendar", icon="clock"),
            Link(label=_("Own holidays"), url="/core.holiday", icon="calendar"),
            Link(label=_("Absences"), url="/core.absence", icon="user-check"),
        ),
        choices=tuple(
            Link(
                label=card.name, url=f"{URL}?show={card.id}", current=card.id == str(chosen.id or 0)
            )
            for card in cards
        )
        if len(cards) > 1
        else (),
        holidays=await holiday_lines(ctx, chosen),
        calculator=calculator(ctx, chosen, question, found),
        result=found.result,
        steps=found.steps,
        more_steps=found.more_steps,
    )
    status = 422 if found.problems else 200
    return answer(request, "hours.html", title=page.title, status=status, page=page)


HANDLERS = (hours_show,)
