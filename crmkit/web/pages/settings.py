"""One's own account: language, zone, theme."""

from typing import Any

from litestar import Response, get, post

from crmkit.errors import InvalidError
from crmkit.web.account import read_account, save_account, save_theme
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, Flash, FormGroup, FormPage, Link, Option, SettingsPage

_LANGUAGES = (("", ""), ("en", "English"), ("ru", "Русский"))


@get("/settings", policy=SIGNED_IN)
async def settings_show(request: AnyRequest) -> Response[str]:
    """Show where settings are."""
    ctx = context_of(request)
    links = [Link(label=_("My account"), url="/settings/account", icon="user",
                  help=_("Language, time zone"))]  # fmt: skip
    if is_admin(ctx.principal):
        links += [
            Link(label=_("Users"), url="/core.user", icon="users",
                 help=_("Who signs in, with which role")),
            Link(label=_("Teams"), url="/core.team", icon="users-group",
                 help=_("Who shares records")),
            Link(label=_("History"), url="/history", icon="history",
                 help=_("What was done, and undoing it")),
        ]  # fmt: skip
    page = SettingsPage(title=_("Settings"), links=tuple(links))
    return answer(request, "settings.html", title=page.title, page=page)


def _page(language: str, zone: str, error: InvalidError | None = None) -> SettingsPage:
    problems = error.problems if error else {}
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
    form = FormPage(
        title="",
        groups=(FormGroup(fields=fields),),
        action_url="/settings/account",
        cancel_url="/settings",
        submit=_("Save"),
    )
    return SettingsPage(title=_("My account"), forms=(form,))


@get("/settings/account", policy=SIGNED_IN)
async def account_show(request: AnyRequest) -> Response[str]:
    """Show one's own account."""
    account = await read_account(context_of(request))
    page = _page(account.language, account.time_zone)
    return answer(request, "settings.html", title=page.title, page=page)


@post("/settings/account", policy=SIGNED_IN)
async def account_update(request: AnyRequest) -> Response[Any]:
    """Save language and zone."""
    form = await request.form()
    language, zone = str(form.get("language", "")), str(form.get("time_zone", "")).strip()
    try:
        await save_account(context_of(request), language, zone)
    except InvalidError as error:
        page = _page(language, zone, error)
        return answer(request, "settings.html", title=page.title, status=422, page=page)
    return go(request, "/settings/account", Flash(text=_("Saved")))


@post("/settings/theme", policy=SIGNED_IN)
async def theme_update(request: AnyRequest) -> Response[Any]:
    """Save light, dark or as the system."""
    await save_theme(context_of(request), str((await request.form()).get("theme", "")))
    return go(request, "/")


HANDLERS = (settings_show, account_show, account_update, theme_update)
