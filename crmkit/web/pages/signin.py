"""Sign-in, sign-out, and the links that set a first password."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from crmkit.access.sessions import SESSION_LIFE, end_session
from crmkit.access.setup import Link, accept_link, read_link
from crmkit.access.signin import sign_in, sign_in_with
from crmkit.errors import InvalidError, LimitError, NotFoundError, SignInError, UnavailableError
from crmkit.records.plugins.rows import system_context
from crmkit.web.policy import PUBLIC, SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, services_of, visit_of
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, FormGroup, LoginPage, SetupPage
from crmkit.web.views import Link as PageLink

_DEVICE_LENGTH = 200


def _local(url: str) -> str:
    """Answer a path of this site; anything else leads home (open redirects)."""
    plain = url.startswith("/") and not url.startswith("//") and "\\" not in url
    return url if plain and url.isprintable() else "/"


def _device(request: AnyRequest) -> str:
    return request.headers.get("user-agent", "")[:_DEVICE_LENGTH]


def _enter(request: AnyRequest, token: str, url: str) -> Response[Any]:
    """Set the session cookie and go on; the old session, if any, is no longer used."""
    services = services_of(request)
    response = go(request, url)
    response.set_cookie(
        key=services.cookie,
        value=token,
        path="/",
        httponly=True,
        secure=services.is_https,
        samesite="lax",
        max_age=int(SESSION_LIFE.total_seconds()),
    )
    return response


@get("/login", policy=PUBLIC)
async def login_show(request: AnyRequest) -> Response[Any]:
    """Show the sign-in form, or go on when already signed in."""
    target = _local(request.query_params.get("next", "/"))
    if visit_of(request).principal is not None:
        return go(request, target)
    page = LoginPage(action_url="/login", next_url=target, ways=_ways(request, target))
    return answer(request, "login.html", title=_("Sign in"), page=page)


@post("/login", policy=PUBLIC)
async def login_create(request: AnyRequest) -> Response[Any]:
    """Sign in with name and password; wrong ones show the form again."""
    form = await request.form()
    name, target = str(form.get("name", "")), _local(str(form.get("next", "/")))
    try:
        session = await sign_in(
            services_of(request).db,
            name,
            str(form.get("password", "")),
            visit_of(request).address,
            _device(request),
            previous=visit_of(request).session,
            hooks=services_of(request).site.hooks,
        )
    except (SignInError, LimitError) as error:
        page = LoginPage(
            action_url="/login", next_url=target, name=name, error=error.message,
            ways=_ways(request, target),
        )  # fmt: skip
        status = 429 if isinstance(error, LimitError) else 422
        return answer(request, "login.html", title=_("Sign in"), status=status, page=page)
    return _enter(request, session.token, target)


def _ways(request: AnyRequest, target: str) -> tuple[PageLink, ...]:
    """Answer the ways to sign in that plugins offer."""
    query = urlencode({"next": target})
    return tuple(
        PageLink(
            label=_("Sign in with %(name)s") % {"name": _(each.label)},
            url=f"/login/with/{each.name}?{query}",
        )
        for _plugin, each in services_of(request).site.contributions["auth_providers"]
    )


@get("/login/with/{name:str}", policy=PUBLIC)
async def login_with(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Send the browser to where a plugin's way of signing in begins."""
    site = services_of(request).site
    target = _local(request.query_params.get("next", "/"))
    for plugin, each in site.contributions["auth_providers"]:
        if each.name == name:
            worked, url = await site.hooks.attempt(
                plugin,
                f"auth_providers {name}",
                None,
                lambda _e, way=each: way.connect(target),
                str,
            )
            if not worked:
                raise UnavailableError(_("This way to sign in does not work now. Try another."))
            return Redirect(url, status_code=303)
    raise NotFoundError(
        _("The address leads nowhere. Look at how it is spelled or begin at Today.")
    )


async def enter(request: AnyRequest, proof: object, url: str = "/") -> Response[Any]:
    """Sign in whom the `authenticate` of a plugin names for a proof, and go on.

    What the page of a plugin ends with to which a provider sent the browser back.

    Args:
        proof: Given to `authenticate` as `event.proof`, with an empty name.
        url: Where the person wanted to go; anything but a local path is the start page.

    Raises:
        SignInError: No plugin knows the proof, or the account is disabled.
        LimitError: Too many failures from this address.
    """
    services, visit = services_of(request), visit_of(request)
    session = await sign_in_with(
        services.db, proof, visit.address, _device(request),
        previous=visit.session, hooks=services.site.hooks,
    )  # fmt: skip
    return _enter(request, session.token, _local(url))


@post("/logout", policy=SIGNED_IN)
async def logout_create(request: AnyRequest) -> Response[Any]:
    """End the session."""
    services = services_of(request)
    await end_session(services.db, visit_of(request).session)
    response = go(request, "/login")
    response.delete_cookie(services.cookie, path="/")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _setup_page(
    request: AnyRequest, link: Link, token: str, typed: tuple[str, str], error: InvalidError | None
) -> Response[Any]:
    problems = error.problems if error else {}
    name, email = typed
    mail = FieldInput(
        name="email", label=_("E-mail"), kind="email", value=email, autocomplete="username",
        help=_("You sign in with it, or with the name admin."), error=problems.get("email"),
    )  # fmt: skip
    page = SetupPage(
        title=_("Choose your password"),
        text=_("Twelve characters or more. A few words are easy to remember."),
        steps=(("current", _("Your account")), ("next", _("Your data"))),
        action_url=f"/setup/{token}",
        submit=_("Continue"),
        errors=(error.message,) if error and not problems else (),
        groups=(
            FormGroup(
                fields=(
                    FieldInput(name="name", label=_("Your name"), value=name, required=True,
                               error=problems.get("name"), autocomplete="name"),
                    *((mail,) if link.user_id is None else ()),
                    FieldInput(name="password", label=_("Password"), kind="password",
                               required=True, error=problems.get("password"),
                               autocomplete="new-password"),
                ),
            ),
        ),
    )  # fmt: skip
    return answer(request, "setup.html", title=page.title, status=422 if error else 200, page=page)


@get("/setup/{token:str}", policy=PUBLIC)
async def setup_show(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    """Show the form behind a one-time link."""
    link = await read_link(services_of(request).db, token)
    return _setup_page(request, link, token, (link.name, link.email), None)


@post("/setup/{token:str}", policy=PUBLIC)
async def setup_create(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    """Set name and password, use the link up, and sign in."""
    services = services_of(request)
    form = await request.form()
    name, email = str(form.get("name", "")).strip(), str(form.get("email", "")).strip()
    link = await read_link(services.db, token)
    try:
        session = await accept_link(
            system_context(services.config, services.db, services.site, "page"),
            token,
            name,
            str(form.get("password", "")),
            visit_of(request).address,
            _device(request),
            email=email,
        )
    except InvalidError as error:
        return _setup_page(request, link, token, (name, email), error)
    return _enter(request, session.token, "/")


HANDLERS = (login_show, login_create, login_with, logout_create, setup_show, setup_create)
