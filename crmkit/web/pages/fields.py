"""Fields a company adds: which there are, and one more."""

import re
from typing import Any

from litestar import Response, get, post

from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.records.custom_fields import KINDS, define_field, kinds_of
from crmkit.records.plugins.indexes import make_indexes
from crmkit.records.plugins.start import rebuild_site
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of, services_of
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
    Option,
    Row,
    TablePage,
)

_PREFIX = "custom.user."
_LONGEST = 80


def _kinds(ctx: Context) -> dict[str, str]:
    more = {name: _(label) for name, label in kinds_of(ctx).items()}
    return {
        "text": _("Text"),
        "number": _("Number"),
        "date": _("Date"),
        "choice": _("Choice of a list"),
        **more,
    }


@get("/settings/fields", policy=ADMIN)
async def fields_show(request: AnyRequest) -> Response[str]:
    """Show the company's own fields."""
    ctx = context_of(request)
    kinds = _kinds(ctx)
    rows = tuple(
        Row(
            id=f"{plan.name}-{field.name}".replace(".", "-"),
            url=f"/{plan.name}",
            cells=(
                Cell(html=field.label),
                Cell(html=_(plan.label)),
                Cell(html=kinds.get(field.type.name if field.type else field.kind, field.kind)),
                Cell(html=", ".join(choice.label for choice in field.choices)),
            ),
        )
        for plan in ctx.site.entities.values()
        for field in plan.fields.values()
        if field.name.startswith(_PREFIX)
    )
    new = Action(name="new", label=_("New field"), url="/settings/fields/new", icon="plus",
                 method="get", kind="primary")  # fmt: skip
    page = TablePage(
        title=_("Own fields"),
        intro=_("They appear in forms, lists, filters, imports and exports."),
        tabs=settings_tabs(request),
        columns=tuple(
            Column(name=name, label=label)
            for name, label in (
                ("label", _("Name")),
                ("entity", _("Belongs to")),
                ("kind", _("Kind")),
                ("choices", _("Choices")),
            )
        ),
        rows=rows,
        actions=(new,),
        empty=Empty(title=_("No fields of your own yet"), icon="forms"),
    )
    return answer(request, "table.html", title=page.title, page=page)


def _form(
    request: AnyRequest, raw: dict[str, str], error: InvalidError | None = None
) -> Response[str]:
    ctx = context_of(request)
    problems = error.problems if error else {}
    entities = tuple(
        Option(value=plan.name, label=_(plan.label), selected=plan.name == raw.get("entity"))
        for plan in ctx.site.entities.values()
    )
    kinds = tuple(
        Option(value=kind, label=label, selected=kind == raw.get("kind"))
        for kind, label in _kinds(ctx).items()
    )
    fields = (
        FieldInput(name="entity", label=_("Belongs to"), kind="select", options=entities,
                   required=True, value=raw.get("entity", "")),
        FieldInput(name="label", label=_("Name"), required=True, value=raw.get("label", ""),
                   max_length=_LONGEST, error=problems.get("label"), autofocus=True),
        FieldInput(name="kind", label=_("Kind"), kind="select", options=kinds, required=True,
                   value=raw.get("kind", ""), error=problems.get("kind")),
        FieldInput(name="choices", label=_("Choices"), kind="textarea",
                   value=raw.get("choices", ""), help=_("For a choice of a list: one a line."),
                   error=problems.get("choices")),
    )  # fmt: skip
    page = FormPage(
        title=_("New field"),
        groups=(FormGroup(fields=fields),),
        action_url="/settings/fields/new",
        cancel_url="/settings/fields",
        submit=_("Create field"),
        errors=(error.message,) if error and not problems else (),
    )
    return answer(request, "form.html", title=page.title, status=422 if error else 200, page=page)


@get("/settings/fields/new", policy=ADMIN)
async def field_new(request: AnyRequest) -> Response[str]:
    """Ask what the field is."""
    return _form(request, {"entity": request.query_params.get("entity", ""), "kind": "text"})


@post("/settings/fields/new", policy=ADMIN)
async def field_create(request: AnyRequest) -> Response[Any]:
    """Add the field; the Site with it takes the place of the old one at once."""
    ctx, services = context_of(request), services_of(request)
    form = await request.form()
    raw = {name: str(text) for name, text in form.items()}
    label = raw.get("label", "").strip()
    choices = [line.strip() for line in raw.get("choices", "").splitlines() if line.strip()]
    try:
        plan = ctx.site.entity(raw.get("entity", ""))
        _check(ctx, label, raw.get("kind", ""), choices)
        name = field_name(label, [field for field in plan.fields if field.startswith(_PREFIX)])
        await define_field(ctx, plan, name, label, raw["kind"], choices)
    except InvalidError as error:
        return _form(request, raw, error)
    if services.owner_dsn:
        site = await rebuild_site(services.config, services.db, services.site)
        await make_indexes(services.owner_dsn, site)
    await services.renew()
    return go(request, "/settings/fields", Flash(text=_("Field created")))


def _check(ctx: Context, label: str, kind: str, choices: list[str]) -> None:
    problems = {}
    if not 0 < len(label) <= _LONGEST or not label.isprintable():
        problems["label"] = _("Enter 1 to %(n)s characters.") % {"n": _LONGEST}
    if kind not in {*KINDS, *kinds_of(ctx)}:
        problems["kind"] = _("Choose one from the list.")
    if kind == "choice" and not choices:
        problems["choices"] = _("Enter at least one, each on a line of its own.")
    if problems:
        raise InvalidError("The field was not created.", problems)


def field_name(label: str, taken: list[str]) -> str:
    """Answer a key of Latin letters for a label in any alphabet, unlike those taken."""
    stem = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:30]
    stem = stem if re.match(r"[a-z]", stem) else f"field_{stem}".rstrip("_")
    name, number = stem, 2
    while f"{_PREFIX}{name}" in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


HANDLERS = (fields_show, field_new, field_create)
