"""Settings: one's own account, its sessions, and what an administrator decides."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.feeds import read_feed
from crmkit.access.password_change import change_password
from crmkit.access.sessions import end_sessions_of, list_sessions, revoke_session
from crmkit.errors import InvalidError, LimitError
from crmkit.model.context import Context
from crmkit.web.account import read_account, save_account, save_theme
from crmkit.web.format import format_moment
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    Cell,
    Column,
    FieldInput,
    Flash,
    FormGroup,
    FormPage,
    Link,
    Option,
    Row,
    SettingsPage,
    TablePage,
)

_LANGUAGES = (("", ""), ("en", "English"), ("ru", "Русский"))


def settings_tabs(request: AnyRequest) -> tuple[Link, ...]:
    """Answer the tabs of all settings pages that the reader may open."""
    ctx = context_of(request)
    path = request.url.path
    tabs = [
        (_("My account"), "/settings/account"),
        (_("Where I am signed in"), "/settings/sessions"),
        (_("API tokens"), "/settings/tokens"),
        (_("Notifications"), "/settings/notifications"),
        (_("Mail"), "/settings/mail"),
    ]
    if is_admin(ctx.principal):
        tabs += [
            (_("Invite"), "/settings/invite"),
            (_("Roles"), "/settings/roles"),
            (_("Working hours"), "/settings/hours"),
            (_("Own fields"), "/settings/fields"),
            (_("Plugins"), "/settings/plugins"),
            (_("Webhooks"), "/settings/webhooks"),
            (_("Jobs"), "/settings/work"),
            (_("Mailboxes"), "/settings/mailboxes"),
            (_("Mail templates"), "/settings/mail-templates"),
        ]
    return tuple(
        Link(label=text, url=url, current=path == url or path.startswith(f"{url}/"))
        for text, url in tabs
    )


def settings_links(ctx: Context) -> tuple[Link, ...]:
    """Answer the pages of the settings that the reader may open."""
    links = [
        Link(label=_("My account"), url="/settings/account", icon="user",
             help=_("Language, time zone, password")),
        Link(label=_("Where I am signed in"), url="/settings/sessions", icon="device-desktop",
             help=_("Devices, and signing out of them")),
        Link(label=_("API tokens"), url="/settings/tokens", icon="key",
             help=_("Let a program work in your name")),
        Link(label=_("Notifications"), url="/settings/notifications", icon="bell",
             help=_("What you are told of, and how")),
        Link(label=_("Mail"), url="/settings/mail", icon="mail",
             help=_("Your mail account and signature")),
    ]  # fmt: skip
    if ctx.principal.role.scope("core.absence", "read") != "none":
        links.append(Link(label=_("Absences"), url="/core.absence", icon="calendar",
                          help=_("Days on which you do not work")))  # fmt: skip
    if is_admin(ctx.principal):
        links += [
            Link(label=_("Users"), url="/core.user", icon="users",
                 help=_("Who signs in, with which role")),
            Link(label=_("Invite"), url="/settings/invite", icon="user-plus",
                 help=_("Let somebody else sign in")),
            Link(label=_("Teams"), url="/core.team", icon="users-group",
                 help=_("Who shares records")),
            Link(label=_("Roles"), url="/settings/roles", icon="shield",
                 help=_("Who may do what")),
            Link(label=_("Working hours"), url="/settings/hours", icon="clock",
                 help=_("Calendars, holidays, and when so much work is done")),
            Link(label=_("Own fields"), url="/settings/fields", icon="forms",
                 help=_("What your company notes besides")),
            Link(label=_("Plugins"), url="/settings/plugins", icon="plug",
                 help=_("What the site can do, switched on and off")),
            Link(label=_("Webhooks"), url="/settings/webhooks", icon="send",
                 help=_("Other systems that are told of events")),
            Link(label=_("Jobs"), url="/settings/work", icon="clock",
                 help=_("What is done besides pages, and what failed")),
            Link(label=_("Mailboxes"), url="/settings/mailboxes", icon="mail",
                 help=_("Whether mail is read and sent, and what needs a decision")),
            Link(label=_("Mail templates"), url="/settings/mail-templates", icon="mail",
                 help=_("Texts to begin a message with, in each language")),
            Link(label=_("Where it comes from"), url="/settings/explain", icon="list-search",
                 help=_("Which plugin put a field, panel or button there")),
            Link(label=_("History"), url="/history", icon="history",
                 help=_("What was done, and undoing it")),
        ]  # fmt: skip
    return tuple(links)


@get("/settings", policy=SIGNED_IN)
async def settings_show(request: AnyRequest) -> Response[str]:
    """Show where settings are."""
    links = settings_links(context_of(request))
    page = SettingsPage(title=_("Settings"), links=links)
    return answer(request, "settings.html", title=page.title, page=page)


def _preferences(language: str, zone: str, problems: dict[str, str]) -> FormPage:
    fields = (
        FieldInput(
            name="language",
            label=_("Language"),
            kind="select",
            value=language,
            options=tuple(
                Option(value=code, label=label or _("As the site"), selected=code == language)
                for code, label in _LANGUAGES
            ),
            required=True,
            error=problems.get("language"),
        ),
        FieldInput(
            name="time_zone",
            label=_("Time zone"),
            value=zone,
            help=_("Such as Europe/Berlin; empty is the site's own."),
            error=problems.get("time_zone"),
        ),
    )
    return FormPage(
        title=_("Preferences"),
        groups=(FormGroup(fields=fields),),
        action_url="/settings/account",
        cancel_url="/settings",
        submit=_("Save"),
    )


async def _calendar(request: AnyRequest) -> tuple[FormPage, ...]:
    """Answer the forms of one's own calendar as a feed: making its address, and ending it."""
    ctx = context_of(request)
    feed = await read_feed(ctx.db, ctx.user_id)
    holidays = FieldInput(
        name="holidays", label=_("With holidays"), kind="checkbox", value="1",
        checked=feed is None or feed.with_holidays,
    )  # fmt: skip
    intro = _("Other programs show your activities and absences by an address of your own.")
    if feed is not None:
        used = format_moment(ctx, feed.used_at) if feed.used_at else _("Never")
        told = _("Made: %(made)s. Last read: %(used)s. A new address ends this one.")
        intro = told % {"made": format_moment(ctx, feed.made_at), "used": used}
    make = FormPage(
        title=_("Calendar feed"),
        intro=intro,
        groups=(FormGroup(fields=(holidays,)),),
        action_url="/settings/calendar",
        cancel_url="/settings",
        submit=_("Make a new address") if feed else _("Make an address"),
    )
    if feed is None:
        return (make,)
    end = FormPage(
        title="",
        groups=(),
        action_url="/settings/calendar/end",
        cancel_url="/settings",
        submit=_("End the address"),
    )
    return make, end


def _password(error: InvalidError | LimitError | None) -> FormPage:
    problems = error.problems if isinstance(error, InvalidError) else {}
    labels = {"old": _("Password now"), "password": _("New password")}
    fields = tuple(
        FieldInput(
            name=name,
            label=label,
            kind="password",
            required=True,
            autocomplete="current-password" if name == "old" else "new-password",
            error=f"{label} {_(problems[name])}." if name in problems else None,
        )
        for name, label in labels.items()
    )
    return FormPage(
        title=_("Change password"),
        intro=_("Twelve characters or more. You stay signed in here and nowhere else."),
        groups=(FormGroup(fields=fields),),
        action_url="/settings/password",
        cancel_url="/settings",
        submit=_("Change password"),
        errors=(error.message,) if error and not problems else (),
    )


async def _account(
    request: AnyRequest,
    *,
    typed: tuple[str, str] | None = None,
    problems: dict[str, str] | None = None,
    password: InvalidError | LimitError | None = None,
) -> Response[str]:
    stored = await read_account(context_of(request))
    language, zone = typed or (stored.language, stored.time_zone)
    page = SettingsPage(
        title=_("My account"),
        tabs=settings_tabs(request),
        forms=(
            _preferences(language, zone, problems or {}),
            *await _calendar(request),
            _password(password),
        ),
    )
    status = 429 if isinstance(password, LimitError) else 422 if problems or password else 200
    return answer(request, "settings.html", title=page.title, status=status, page=page)


@get("/settings/account", policy=SIGNED_IN)
async def account_show(request: AnyRequest) -> Response[str]:
    """Show one's own account."""
    return await _account(request)


@post("/settings/account", policy=SIGNED_IN)
async def account_update(request: AnyRequest) -> Response[Any]:
    """Save language and zone."""
    form = await request.form()
    language, zone = str(form.get("language", "")), str(form.get("time_zone", "")).strip()
    try:
        await save_account(context_of(request), language, zone)
    except InvalidError as error:
        return await _account(request, typed=(language, zone), problems=error.problems)
    return go(request, "/settings/account", Flash(text=_("Saved")))


@post("/settings/password", policy=SIGNED_IN)
async def password_update(request: AnyRequest) -> Response[Any]:
    """Change one's own password; all other sessions end."""
    ctx = context_of(request)
    form = await request.form()
    try:
        await change_password(
            ctx.db,
            _me(ctx),
            str(form.get("old", "")),
            str(form.get("password", "")),
            keep=ctx.principal.session_id,
        )
    except (InvalidError, LimitError) as error:
        return await _account(request, password=error)
    text = _("Password changed. Everywhere else you are signed out.")
    return go(request, "/settings/account", Flash(text=text))


def _me(ctx: Context) -> int:
    if ctx.user_id is None:
        raise RuntimeError("A signed-in person has an id.")
    return ctx.user_id


@get("/settings/sessions", policy=SIGNED_IN)
async def sessions_show(request: AnyRequest) -> Response[str]:
    """Show where one is signed in."""
    ctx = context_of(request)
    rows, actions = [], []
    for each in await list_sessions(ctx.db, _me(ctx)):
        is_here = each.id == ctx.principal.session_id
        device = Cell(html=each.device or _("Unknown device"), icon="device-desktop")
        seen = _("This one") if is_here else format_moment(ctx, each.seen_at)
        cells = (
            device,
            Cell(html=each.address),
            Cell(html=format_moment(ctx, each.created_at)),
            Cell(html=seen),
        )
        rows.append(Row(id=each.id, url="", cells=cells, label=each.device))
        if not is_here:
            end = Action(name="end", label=_("Sign out"), icon="logout",
                         url=f"/settings/sessions/{each.id}/end")  # fmt: skip
            actions.append((each.id, (end,)))
    others = Action(name="others", label=_("Sign out everywhere else"), icon="logout",
                    url="/settings/sessions/others/end")  # fmt: skip
    page = TablePage(
        title=_("Where I am signed in"),
        intro=_("A session ends after 3 hours without use, and after 12 hours in any case."),
        tabs=settings_tabs(request),
        columns=tuple(
            Column(name=name, label=label)
            for name, label in (
                ("device", _("Device")),
                ("address", _("Address")),
                ("since", _("Since")),
                ("seen", _("Last seen")),
            )
        ),
        rows=tuple(rows),
        row_actions=tuple(actions),
        actions=(others,) if actions else (),
    )
    return answer(request, "table.html", title=page.title, page=page)


@post("/settings/sessions/{session_id:str}/end", policy=SIGNED_IN)
async def session_end(request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
    """End one of one's own sessions, or all others."""
    ctx = context_of(request)
    if session_id == "others":
        await end_sessions_of(ctx.db, _me(ctx), ctx.principal.session_id)
    else:
        await revoke_session(ctx.db, _me(ctx), session_id)
    return go(request, "/settings/sessions", Flash(text=_("Signed out there")))


@post("/settings/theme", policy=SIGNED_IN)
async def theme_update(request: AnyRequest) -> Response[Any]:
    """Save light, dark or as the system."""
    await save_theme(context_of(request), str((await request.form()).get("theme", "")))
    return go(request, "/")


HANDLERS = (
    settings_show,
    account_show,
    account_update,
    password_update,
    sessions_show,
    session_end,
    theme_update,
)
