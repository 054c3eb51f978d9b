"""Sign-in, sign-out, and the links that set a first password."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.sessions import SESSION_LIFE, end_session
from crmkit.access.setup import Link, accept_link, read_link
from crmkit.access.signin import sign_in
from crmkit.errors import InvalidError, LimitError, SignInError
from crmkit.web.policy import PUBLIC, SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, services_of, visit_of
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, FormGroup, LoginPage, SetupPage

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
    page = LoginPage(action_url="/login", next_url=target)
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
        )
    except (SignInError, LimitError) as error:
        page = LoginPage(action_url="/login", next_url=target, name=name, error=error.message)
        status = 429 if isinstance(error, LimitError) else 422
        return answer(request, "login.html", title=_("Sign in"), status=status, page=page)
    return _enter(request, session.token, target)


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
            services.db,
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


HANDLERS = (login_show, login_create, logout_create, setup_show, setup_create)
