"""Mail accounts without a password: out to the provider's sign-in, and back."""

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import CrmkitError, InvalidError, UnavailableError
from crmkit.model.context import Context
from crmkit.model.values import in_words
from crmkit.web.pages.mail_settings import tried
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, base_url, context_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, Flash, FormGroup, FormPage, Link, SettingsPage
from crmkit.work.mail_consent import begin_consent, find_provider, finish_consent, take_consent

_MAIL = "/settings/mail"
_SIGN_IN = _MAIL + "/oauth/{name:str}"


def _url(name: str) -> str:
    return f"{_MAIL}/oauth/{quote(name, safe='')}"


def _way_back(request: AnyRequest, name: str) -> str:
    """Answer the callback as the provider knows it; one of its own, so that none is mixed up."""
    return f"{base_url(request)}{_url(name)}/callback"


def _page(
    request: AnyRequest, name: str, address: str, shared: str, error: CrmkitError | None = None
) -> Response[str]:
    ctx = context_of(request)
    provider = find_provider(ctx, name)
    problems = getattr(error, "problems", {})
    form = FormPage(
        title="",
        groups=(FormGroup(fields=_fields(ctx, address, shared, problems.get("address"))),),
        action_url=_url(name),
        cancel_url=_MAIL,
        submit=_("Continue at %(host)s") % {"host": urlsplit(provider.authorize_url).hostname},
        errors=(in_words(error.message, _),) if error and not problems else (),
    )
    page = SettingsPage(
        title=_("Sign in at %(name)s") % {"name": provider.label or name},
        intro=_("You sign in on their page and allow reading and sending of mail. Your password "
                "stays there; a token is kept here, sealed."),
        tabs=settings_tabs(request),
        forms=(form,),
    )  # fmt: skip
    status = 422 if error else 200
    return answer(request, "settings.html", title=page.title, status=status, page=page)


def _fields(ctx: Context, address: str, shared: str, error: str | None) -> tuple[FieldInput, ...]:
    typed = FieldInput(name="address", label=_("E-mail address"), value=address, kind="email",
                       required=True, autocomplete="email", error=error)  # fmt: skip
    if not is_admin(ctx.principal):
        return (typed,)
    everybody = FieldInput(
        name="shared", label=_("Shared"), kind="checkbox", value="1", checked=bool(shared),
        help=_("Whoever may read a record sees its messages of this account."),
    )  # fmt: skip
    return typed, everybody


@get(_SIGN_IN, policy=SIGNED_IN)
async def mail_consent_show(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """Ask for the address before the person leaves."""
    query = request.query_params
    return _page(request, name, query.get("address", ""), query.get("shared", ""))


@post(_SIGN_IN, policy=SIGNED_IN)
async def mail_consent_begin(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Send the browser to the provider.

    Not by a redirect: `form-action 'self'` of our own policy holds for what follows a form too, in
    Chromium for each of the provider's own redirects as well.
    """
    typed = {key: str(value) for key, value in (await request.form()).items()}
    account, address = typed.get("account", ""), typed.get("address", "")
    shared = typed.get("shared", "")
    try:
        url = await begin_consent(
            context_of(request), name, _way_back(request, name), address=address,
            account=int(account) if account.isdecimal() and len(account) < 19 else 0,  # noqa: PLR2004 - digits of a bigint
            shared=bool(shared),
        )  # fmt: skip
    except (InvalidError, UnavailableError) as error:
        return _page(request, name, address, shared, error)
    host = urlsplit(url).hostname
    page = SettingsPage(
        title=_("Continue at %(host)s") % {"host": host},
        intro=_("You are taken there now and come back when you have signed in."),
        tabs=settings_tabs(request),
        links=(Link(label=_("Continue at %(host)s") % {"host": host}, url=url,
                    icon="external-link"),),
    )  # fmt: skip
    headers = {"Refresh": f"0;url={url}"}
    return answer(request, "settings.html", title=page.title, headers=headers, page=page)


@get(_SIGN_IN + "/callback", policy=SIGNED_IN)
async def mail_consent_finish(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Take what the provider sent back, keep the account and try it."""
    ctx, told = context_of(request), dict(request.query_params)
    back = _MAIL
    try:
        consent = await take_consent(ctx, name, told.get("state", ""))
        back = f"{_MAIL}/{consent.account}"
        if not consent.account:
            typed = {"address": consent.address, "shared": "1" if consent.shared else ""}
            back = f"{_url(name)}?{urlencode(typed)}"
        number = await finish_consent(ctx, consent, told, _way_back(request, name))
    except CrmkitError as error:
        problems = getattr(error, "problems", {}).values()
        text = " ".join([in_words(error.message, _), *problems, _("Nothing was changed.")])
        return go(request, back, Flash(text=text, kind="bad"))
    return await tried(request, number)


HANDLERS = (mail_consent_show, mail_consent_begin, mail_consent_finish)
