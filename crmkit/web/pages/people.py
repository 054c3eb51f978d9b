"""Who may sign in: invitations, new passwords, and what each role may do."""

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.predicate import scope_of_role
from crmkit.access.setup import Kind, make_link
from crmkit.errors import ConflictError, InvalidError
from crmkit.model.role import VERBS
from crmkit.records.values import parse_values
from crmkit.web.fields import input_of
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.references import with_references
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, base_url, context_of, services_of
from crmkit.web.translate import _
from crmkit.web.views import (
    Cell,
    Column,
    FieldInput,
    FormGroup,
    FormPage,
    Link,
    Row,
    SettingsPage,
    TablePage,
)

USERS = "core.user"
_ASKED = ("name", "email", "role", "team")


def _invitation(
    request: AnyRequest, raw: dict[str, str], error: InvalidError | None = None
) -> Response[str]:
    ctx = context_of(request)
    plan = ctx.site.entity(USERS)
    problems = error.problems if error else {}
    fields = tuple(
        input_of(ctx, plan.fields[name], raw.get(name, ""), error=problems.get(name),
                 display=raw.get(f"{name}.title", ""))
        for name in _ASKED
    )  # fmt: skip
    form = FormPage(
        title="",
        groups=(FormGroup(fields=fields),),
        action_url="/settings/invite",
        cancel_url="/settings",
        submit=_("Make the invitation link"),
        errors=(error.message,) if error and not problems else (),
    )
    page = SettingsPage(
        title=_("Invite"),
        intro=_("You get a link to send. Whoever opens it chooses a password."),
        tabs=settings_tabs(request),
        forms=(form,),
    )
    status = 422 if error else 200
    return answer(request, "settings.html", title=page.title, status=status, page=page)


@get("/settings/invite", policy=ADMIN)
async def invitation_show(request: AnyRequest) -> Response[str]:
    """Ask whom to invite."""
    return _invitation(request, {"role": "seller"})


@post("/settings/invite", policy=ADMIN)
async def invitation_create(request: AnyRequest) -> Response[str]:
    """Make the account and show its link, once."""
    ctx = context_of(request)
    base_url(request)  # before anything is written
    plan = ctx.site.entity(USERS)
    form = await request.form()
    sent = await with_references(ctx, plan, {name: str(text) for name, text in form.items()})
    raw = {name: sent.get(name, "") for name in _ASKED}
    try:
        _need_email(raw)
        async with ctx.db.transaction():
            values = parse_values(ctx, plan, raw) | {"active": True}
            user_id = await ctx.create(USERS, **values)
            token = await make_link(ctx.db, "invite", user_id)
    except InvalidError as error:
        return _invitation(request, sent, error)
    return _link_page(request, raw["name"], token, "invite")


def _need_email(raw: dict[str, str]) -> None:
    if not raw["email"].strip():
        raise InvalidError("", {"email": "is needed; it is the name for signing in"})


@post("/settings/users/{user_id:int}/link", policy=ADMIN)
async def link_create(request: AnyRequest, user_id: FromPath[int]) -> Response[str]:
    """Show a new link by which a person chooses a password; older links of theirs die."""
    ctx = context_of(request)
    user = await ctx.get(USERS, user_id, "admin")
    if not user["active"] or user["trashed_at"] is not None:
        raise ConflictError(_("This person may not sign in. Make the account active first."))
    has_password = await ctx.db.value(
        "SELECT password_hash <> '' FROM core_user WHERE id = $1", user_id
    )
    kind: Kind = "reset" if has_password else "invite"
    token = await make_link(ctx.db, kind, user_id)
    return _link_page(request, str(user["name"]), token, kind)


def _link_page(request: AnyRequest, name: str, token: str, kind: Kind) -> Response[str]:
    life = _("7 days") if kind == "invite" else _("1 hour")
    link = FieldInput(
        name="link",
        label=_("Link"),
        value=f"{base_url(request)}/setup/{token}",
        readonly=True,
        required=True,
        wide=True,
        help=_("It works once, for %(time)s, and is shown only now.") % {"time": life},
    )
    form = FormPage(
        title="",
        groups=(FormGroup(fields=(link,)),),
        action_url="/core.user",
        cancel_url="/core.user",
        submit=_("Done"),
        is_get=True,
    )
    page = SettingsPage(
        title=_("Link for %(name)s") % {"name": name},
        intro=_("Send it by a way only this person reads."),
        tabs=settings_tabs(request),
        forms=(form,),
    )
    return answer(request, "settings.html", title=page.title, page=page)


@get("/settings/roles", policy=ADMIN)
async def roles_show(request: AnyRequest) -> Response[str]:
    """Show what each role may do with each entity."""
    ctx = context_of(request)
    roles = services_of(request).site.roles
    asked = request.query_params.get("role", "")
    role = roles.get(asked) or next(iter(roles.values()))
    verbs = {
        "read": _("See"), "create": _("Create"), "edit": _("Edit"), "delete": _("Trash"),
        "import": _("Import"), "export": _("Export"), "admin": _("Administer"),
    }  # fmt: skip
    scopes = {"none": "", "own": _("own"), "team": _("of the team"), "all": _("all")}
    rows = tuple(
        Row(
            id=plan.name,
            url=f"/{plan.name}",
            cells=(
                Cell(html=_(plan.label)),
                *(Cell(html=scopes[scope_of_role(ctx.site, role, plan, verb)]) for verb in VERBS),
            ),
        )
        for plan in ctx.site.entities.values()
    )
    tabs = tuple(
        Link(label=_(each.label), url=f"/settings/roles?role={each.name}", current=each is role)
        for each in roles.values()
    )
    page = TablePage(
        title=_("Roles"),
        intro=_("Roles stand in the file %(file)s of the site; changes hold after a restart.")
        % {"file": "config/roles.toml"},
        tabs=tabs,
        columns=(
            Column(name="what", label=_("What")),
            *(Column(name=verb, label=verbs[verb]) for verb in VERBS),
        ),
        rows=rows,
    )
    return answer(request, "table.html", title=page.title, page=page)


HANDLERS = (invitation_show, invitation_create, link_create, roles_show)
