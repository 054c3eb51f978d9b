"""Mailboxes: how accounts and their folders fare, and what needs a decision."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.model.context import Context
from crmkit.model.messages import STATES
from crmkit.web.format import format_moment, format_number
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Action, Cell, Column, Empty, Flash, Link, Row, TablePage
from crmkit.work.mail_accounts import list_accounts
from crmkit.work.mail_folders import folder_health
from crmkit.work.messages import count_messages, list_troubled
from crmkit.work.outbox import decide_unclear

_BOXES = "/settings/mailboxes"
_LABELS = {choice.value: choice.label for choice in STATES}


@get(_BOXES, policy=ADMIN)
async def mailboxes_show(request: AnyRequest) -> Response[str]:
    """Show how every account fares, or its folders, or the messages that need a decision."""
    ctx = context_of(request)
    troubled = await list_troubled(ctx)
    show = request.query_params.get("show", "")
    is_troubled, is_folders = show == "unclear", show == "folders"
    filters = (
        Link(label=_("Accounts"), url=_BOXES, current=not is_troubled and not is_folders),
        Link(label=_("Folders"), url=f"{_BOXES}?show=folders", current=is_folders),
        Link(label=_("Need a decision"), url=f"{_BOXES}?show=unclear", current=is_troubled,
             count=format_number(ctx, len(troubled)) if troubled else None),
    )  # fmt: skip
    page = (
        _unclear(ctx, troubled) if is_troubled
        else await _folders(ctx) if is_folders
        else await _accounts(ctx)
    )  # fmt: skip
    page = TablePage(
        title=_("Mailboxes"), tabs=settings_tabs(request), filters=filters, columns=page.columns,
        rows=page.rows, row_actions=page.row_actions, intro=page.intro, empty=page.empty,
    )  # fmt: skip
    return answer(request, "table.html", title=page.title, page=page)


async def _accounts(ctx: Context) -> TablePage:
    counts = await count_messages(ctx)
    rows = []
    for each in await list_accounts(ctx):
        received, sent = counts.get(each.id, (0, 0))
        cells = (
            Cell(html=each.address),
            Cell(html=_("Shared") if each.owner is None else _("Of a person")),
            Cell(html=format_moment(ctx, each.read_at) if each.read_at else ""),
            Cell(html=format_number(ctx, received)),
            Cell(html=format_moment(ctx, each.sent_at) if each.sent_at else ""),
            Cell(html=format_number(ctx, sent)),
            Cell(html=each.trouble or _("Works"), tone="bad" if each.trouble else ""),
        )
        # Those of a person are the person's alone to change.
        url = f"/settings/mail/{each.id}" if each.owner is None else ""
        rows.append(Row(id=str(each.id), url=url, cells=cells, label=each.address))
    names = (
        ("address", _("Account")), ("whose", _("Whose")), ("read", _("Last read")),
        ("received", _("Received")), ("sent_at", _("Last sent")), ("sent", _("Sent")),
        ("state", _("State")),
    )  # fmt: skip
    return TablePage(
        title="",
        intro=_("Each account is read once a minute, and at once where its server tells of mail."),
        columns=tuple(Column(name=name, label=label) for name, label in names),
        rows=tuple(rows),
        empty=None
        if rows
        else Empty(
            title=_("No mail accounts yet"),
            icon="mail",
            actions=(Link(label=_("Add a mail account"), url="/settings/mail", icon="plus"),),
        ),
    )


async def _folders(ctx: Context) -> TablePage:
    health = await folder_health(ctx)
    rows = []
    for account in await list_accounts(ctx):
        for each in health.get(account.id, []):
            counts = (each.received, each.matched, each.unmatched, each.errors, each.behind)
            cells = (
                Cell(html=account.address),
                Cell(html=each.folder),
                Cell(html=format_moment(ctx, each.read_at) if each.read_at else ""),
                *(Cell(html=format_number(ctx, count)) for count in counts),
                Cell(html=each.error or _("Works")),
            )
            label = f"{account.address} {each.folder}"
            rows.append(Row(id=f"{account.id}-{each.folder}", url="", cells=cells, label=label))
    names = (
        ("address", _("Account")), ("folder", _("Folder")), ("read_at", _("Last read")),
        ("received", _("Taken in")), ("matched", _("On records")), ("unmatched", _("On none")),
        ("errors", _("Errors")), ("behind", _("Still to read")), ("state", _("State")),
    )  # fmt: skip
    return TablePage(
        title="",
        intro=_("A message lies on records by its addresses and by what it answers."),
        columns=tuple(Column(name=name, label=label) for name, label in names),
        rows=tuple(rows),
        empty=None if rows else Empty(title=_("No folder was read yet"), icon="mail"),
    )


def _unclear(ctx: Context, troubled: list[dict[str, Any]]) -> TablePage:
    rows, actions = [], []
    for each in troubled:
        number, label = str(each["id"]), _LABELS[each["state"]]
        cells = (
            Cell(html=each["recipients"]),
            Cell(html=_(label)),
            Cell(html=each["error"]),
            Cell(html=format_moment(ctx, each["at"])),
        )
        rows.append(Row(id=number, url="", cells=cells, label=each["recipients"]))
        if each["state"] != "bounced":
            again = Action(name="again", label=_("Send again"), icon="refresh",
                           url=f"{_BOXES}/messages/{number}/again",
                           confirm=_("Who got it the first time gets it twice."))  # fmt: skip
            done = Action(name="sent", label=_("It was sent"), icon="check",
                          url=f"{_BOXES}/messages/{number}/sent")  # fmt: skip
            actions.append((number, (again, done)))
    names = (("to", _("To")), ("state", _("State")), ("error", _("What went wrong")),
             ("at", _("When")))  # fmt: skip
    return TablePage(
        title="",
        intro=_("Where the connection broke after the message, nobody knows whether it arrived: "
                "it is never sent again by itself. Look into the mailbox, then decide."),
        columns=tuple(Column(name=name, label=label) for name, label in names),
        rows=tuple(rows),
        row_actions=tuple(actions),
        empty=None if rows else Empty(title=_("Nothing needs a decision"), icon="check"),
    )  # fmt: skip


@post(_BOXES + "/messages/{number:int}/again", policy=ADMIN)
async def message_again(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Send an unclear or failed message again."""
    await decide_unclear(context_of(request), number, again=True)
    return go(request, f"{_BOXES}?show=unclear", Flash(text=_("It is sent again")))


@post(_BOXES + "/messages/{number:int}/sent", policy=ADMIN)
async def message_sent(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Write down that an unclear message was sent."""
    await decide_unclear(context_of(request), number, again=False)
    return go(request, f"{_BOXES}?show=unclear", Flash(text=_("Saved")))


HANDLERS = (mailboxes_show, message_again, message_sent)
