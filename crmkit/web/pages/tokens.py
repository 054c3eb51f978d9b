"""One's own tokens of the API: seen, made, shown once, revoked."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.tokens import (
    DEFAULT_DAYS,
    NewToken,
    Token,
    list_tokens,
    make_token,
    revoke_token,
)
from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.web.api.methods import BASE
from crmkit.web.format import format_moment
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    Cell,
    Column,
    Empty,
    FieldInput,
    Flash,
    FormGroup,
    FormPage,
    Link,
    Row,
    SettingsPage,
    TablePage,
)

_URL = "/settings/tokens"


def _me(ctx: Context) -> int:
    if ctx.user_id is None:
        raise RuntimeError("A signed-in person has an id.")
    return ctx.user_id


def _row(ctx: Context, token: Token) -> Row:
    used = format_moment(ctx, token.used_at) if token.used_at else _("Never")
    cells = (
        Cell(html=token.name, icon="key"),
        Cell(html=_("Reading") if token.read_only else _("Reading and writing")),
        Cell(html=", ".join(token.patterns) or _("All of mine")),
        Cell(html=format_moment(ctx, token.created_at)),
        Cell(html=used),
        Cell(html=format_moment(ctx, token.expires_at)),
    )
    return Row(id=str(token.id), url="", cells=cells, label=token.name)


def _revoking(token: Token) -> tuple[Action, ...]:
    revoke = Action(
        name="revoke",
        label=_("Revoke"),
        icon="trash",
        url=f"{_URL}/{token.id}/revoke",
        kind="danger",
        confirm=_("Whatever uses this token stops working at once."),
    )
    return (revoke,)


@get(_URL, policy=SIGNED_IN)
async def tokens_show(request: AnyRequest) -> Response[str]:
    """Show one's own tokens."""
    ctx = context_of(request)
    tokens = await list_tokens(ctx.db, _me(ctx))
    new = Link(label=_("New token"), url=f"{_URL}/new", icon="plus")
    labels = {
        "name": _("Name"), "rights": _("Rights"), "entities": _("Entities"),
        "since": _("Since"), "used": _("Last used"), "until": _("Until"),
    }  # fmt: skip
    page = TablePage(
        title=_("API tokens"),
        intro=_("A program with a token may do what you may, or less. Keep it as a password."),
        tabs=settings_tabs(request),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(_row(ctx, token) for token in tokens),
        row_actions=tuple((str(token.id), _revoking(token)) for token in tokens),
        actions=(
            Action(name="document", label=_("Description (OpenAPI)"), method="get",
                   url=f"{BASE}/openapi.json"),
            Action(name="new", label=new.label, url=new.url, method="get", kind="primary"),
        ),
        empty=Empty(title=_("No tokens yet"), icon="key", actions=(new,)),
    )  # fmt: skip
    return answer(request, "table.html", title=page.title, page=page)


def _form(
    request: AnyRequest, typed: dict[str, str], error: InvalidError | None = None
) -> Response[str]:
    problems = error.problems if error else {}
    told = {name: _(text) for name, text in problems.items()}
    fields = (
        FieldInput(name="name", label=_("Name"), value=typed.get("name", ""), required=True,
                   max_length=100, help=_("What uses it, such as: Warehouse."),
                   error=told.get("name"), autofocus=True),
        FieldInput(name="days", label=_("Days"), kind="number", required=True,
                   value=typed.get("days", str(DEFAULT_DAYS)), error=told.get("days"),
                   help=_("Until it ends, at most 366.")),
        FieldInput(name="entities", label=_("Entities"), value=typed.get("entities", ""),
                   error=told.get("entities"),
                   help=_("Such as crm.person crm.company or crm.*; empty is all of yours.")),
        FieldInput(name="read_only", label=_("Reading only"), kind="checkbox", value="1",
                   checked=bool(typed.get("read_only"))),
    )  # fmt: skip
    page = FormPage(
        title=_("New token"),
        groups=(FormGroup(fields=fields),),
        action_url=_URL,
        cancel_url=_URL,
        submit=_("Make the token"),
        errors=(_(error.message),) if error and not problems else (),
    )
    status = 422 if error else 200
    return answer(request, "form.html", title=page.title, status=status, page=page)


@get(f"{_URL}/new", policy=SIGNED_IN)
async def token_new(request: AnyRequest) -> Response[str]:
    """Ask what the token is for."""
    return _form(request, {"read_only": "1"})


@post(_URL, policy=SIGNED_IN)
async def token_create(request: AnyRequest) -> Response[Any]:
    """Make a token and show it, once."""
    ctx = context_of(request)
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in ("name", "days", "entities", "read_only")}
    try:
        token = await make_token(
            ctx.db,
            _me(ctx),
            typed["name"],
            days=_days(typed["days"]),
            read_only=bool(typed["read_only"]),
            patterns=typed["entities"].replace(",", " ").split(),
        )
    except InvalidError as error:
        return _form(request, typed, error)
    return _once(request, typed["name"], token)


def _days(text: str) -> int:
    """Answer a number of days, 0 for what is none."""
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 0  # noqa: PLR2004


def _once(request: AnyRequest, name: str, token: NewToken) -> Response[str]:
    secret = FieldInput(
        name="token",
        label=_("Token"),
        value=token.secret,
        readonly=True,
        required=True,
        wide=True,
        help=_("It is shown only now. Send it as: Authorization: Bearer"),
    )
    form = FormPage(
        title="",
        groups=(FormGroup(fields=(secret,)),),
        action_url=_URL,
        cancel_url=_URL,
        submit=_("Done"),
        is_get=True,
    )
    page = SettingsPage(
        title=_("Token for %(name)s") % {"name": name}, tabs=settings_tabs(request), forms=(form,)
    )
    return answer(request, "settings.html", title=page.title, page=page)


@post(f"{_URL}/{{token_id:int}}/revoke", policy=SIGNED_IN)
async def token_revoke(request: AnyRequest, token_id: FromPath[int]) -> Response[Any]:
    """End a token at once."""
    ctx = context_of(request)
    await revoke_token(ctx.db, token_id if token_id < 2**63 else 0, _me(ctx))
    return go(request, _URL, Flash(text=_("Token revoked")))


HANDLERS = (tokens_show, token_new, token_create, token_revoke)
