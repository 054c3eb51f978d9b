"""Mail templates: texts that people begin a message with, kept by an administrator."""

from collections.abc import Mapping
from typing import Any

from babel import Locale
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.mail_templates import places_of
from crmkit.errors import InvalidError, NotFoundError, StaleVersionError
from crmkit.model.context import Context
from crmkit.model.mail_template import MAIL_TEMPLATE
from crmkit.model.people import LANGUAGES
from crmkit.web.fields import show_text
from crmkit.web.mail_fill import fill_template
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN
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
    Option,
    Row,
    SettingsPage,
    TablePage,
)
from crmkit.work.mail_templates import MailTemplate, find_mail_template, list_templates

_URL = "/settings/mail-templates"
Problem = InvalidError | StaleVersionError
_NAMES = ("name", "entity", "language", "subject", "body")


def _language(ctx: Context, code: str) -> str:
    return Locale.parse(code).get_display_name(ctx.language) or code


def _entity(ctx: Context, name: str) -> str:
    plan = ctx.site.entities.get(name)
    return _(plan.label) if plan is not None else name or _("Any record")


@get(_URL, policy=ADMIN)
async def mail_templates_show(request: AnyRequest) -> Response[str]:
    """Show all mail templates."""
    ctx = context_of(request)
    rows = tuple(
        Row(
            id=str(each.id),
            url=f"{_URL}/{each.id}",
            label=each.name,
            cells=(
                Cell(html=each.name),
                Cell(html=_language(ctx, each.language)),
                Cell(html=_entity(ctx, each.entity)),
                Cell(html=each.subject),
            ),
        )
        for each in await list_templates(ctx)
    )
    labels = {"name": _("Name"), "language": _("Language"), "entity": _("For"),
              "subject": _("Subject")}  # fmt: skip
    new = Link(label=_("New mail template"), url=f"{_URL}/new", icon="plus")
    page = TablePage(
        title=_("Mail templates"),
        intro=_("People begin a message on a record with one. Of one name, the version in the "
                "receiver's language is taken, or else the one in the site's."),
        tabs=settings_tabs(request),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=rows,
        actions=(Action(name="new", label=new.label, url=new.url, method="get", kind="primary"),),
        empty=Empty(title=_("No mail templates yet"), icon="mail", actions=(new,)),
    )  # fmt: skip
    return answer(request, "table.html", title=page.title, page=page)


def _form(ctx: Context, typed: Mapping[str, str], number: int, error: Problem | None) -> FormPage:
    problems = error.problems if isinstance(error, InvalidError) else {}
    entities = [Option(value="", label=_("Any record"))] + [
        Option(value=plan.name, label=_(plan.label))
        for plan in sorted(ctx.site.entities.values(), key=lambda plan: plan.name)
        if plan.plugin != "core" and plan.name not in ctx.site.guarded
    ]
    chosen = typed.get("entity", "")
    groups = places_of(ctx, chosen if chosen in ctx.site.entities else "")
    places = "; ".join(f"{group}: {', '.join(names)}" for group, names in groups.items())
    codes = ", ".join(f"{choice.value} ({choice.label})" for choice in LANGUAGES)
    fields = (
        FieldInput(name="name", label=_("Name"), value=typed.get("name", ""), required=True,
                   max_length=100, error=problems.get("name"),
                   help=_("Versions in other languages bear the same name.")),
        FieldInput(name="language", label=_("Language"), value=typed.get("language", ""),
                   required=True, max_length=20, error=problems.get("language"),
                   help=_("Its code, such as %(codes)s; any language will do.")
                   % {"codes": codes}),
        FieldInput(name="entity", label=_("For"), kind="select", value=chosen, required=True,
                   options=tuple(entities), error=problems.get("entity")),
        FieldInput(name="subject", label=_("Subject"), value=typed.get("subject", ""), wide=True,
                   max_length=500, error=problems.get("subject")),
        FieldInput(name="body", label=_("Text"), kind="textarea", wide=True, required=True,
                   value=typed.get("body", ""), error=problems.get("body"),
                   help=_("Written as {{ user.name }}, it is filled. There are: %(places)s")
                   % {"places": places}),
    )  # fmt: skip
    return FormPage(
        title="",
        groups=(FormGroup(fields=fields),),
        action_url=f"{_URL}/{number}" if number else _URL,
        cancel_url=_URL,
        submit=_("Save"),
        errors=(error.message,) if error and not problems else (),
        version=typed.get("version") or None,
    )


async def _preview(request: AnyRequest, template: MailTemplate) -> FormPage | None:
    """Answer the form that chooses a record, and the message that would begin on it."""
    ctx = context_of(request)
    people = [each.name for each in ctx.site.entities.values()
              if each.person and each.plugin != "core"]  # fmt: skip
    name = template.entity or next(iter(people), "")
    if name not in ctx.site.entities:
        return None
    plan = ctx.site.entity(name)
    asked = request.query_params.get("record", "")
    title, problem, shown = "", None, []
    if asked.isdecimal():
        try:
            record = await ctx.get(name, int(asked[:18]))
            title = show_text(ctx, plan.title_field, record)
            subject, text = await fill_template(ctx, plan, record, template)
            shown = [
                FieldInput(name="p-subject", label=_("Subject"), value=subject, readonly=True,
                           required=True, wide=True),
                FieldInput(name="p-text", label=_("Text"), kind="textarea", value=text,
                           readonly=True, required=True, wide=True),
            ]  # fmt: skip
        except (InvalidError, NotFoundError) as error:
            problem = error.message
    chooser = FieldInput(
        name="record", label=_(plan.singular), kind="reference", value=asked if title else "",
        display=title, required=True, wide=True, remote_url=f"/{name}/lookup", error=problem,
    )  # fmt: skip
    return FormPage(
        title=_("Preview"),
        intro=_("As it is saved, with a record you choose."),
        groups=(FormGroup(fields=(chooser, *shown)),),
        action_url=f"{_URL}/{template.id}",
        cancel_url=_URL,
        submit=_("Show"),
        is_get=True,
    )


async def _page(
    request: AnyRequest,
    typed: Mapping[str, str],
    template: MailTemplate | None = None,
    error: Problem | None = None,
) -> Response[str]:
    ctx = context_of(request)
    forms = [_form(ctx, typed, template.id if template else 0, error)]
    danger: tuple[Action, ...] = ()
    if template is not None:
        preview = await _preview(request, template)
        forms += [preview] if preview is not None else []
        remove = Action(name="remove", label=_("Remove this template"), kind="danger",
                        icon="trash", url=f"{_URL}/{template.id}/remove",
                        confirm=_("What was written with it stays."))  # fmt: skip
        danger = (remove,)
    page = SettingsPage(
        title=template.name if template else _("New mail template"),
        tabs=settings_tabs(request),
        links=()
        if template is None
        else (
            Link(
                label=_("History"),
                url=f"/{MAIL_TEMPLATE}/{template.id}",
                icon="history",
                help=_("Who changed it, and how it was"),
            ),
        ),
        forms=tuple(forms),
        danger=danger,
    )
    status = 200 if error is None else 422 if isinstance(error, InvalidError) else 409
    return answer(request, "settings.html", title=page.title, status=status, page=page)


@get(f"{_URL}/new", policy=ADMIN)
async def mail_template_new(request: AnyRequest) -> Response[str]:
    """Ask for a new template."""
    return await _page(request, {"language": context_of(request).config.language})


@get(f"{_URL}/{{number:int}}", policy=ADMIN)
async def mail_template_show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show a template, and with `record` the message it would begin."""
    found = await find_mail_template(context_of(request), number)
    typed = {name: str(getattr(found, name)) for name in (*_NAMES, "version")}
    return await _page(request, typed, found)


async def _save(request: AnyRequest, template: MailTemplate | None) -> Response[Any]:
    ctx = context_of(request)
    form = await request.form()
    typed = {name: str(form.get(name, "")).replace("\0", "") for name in _NAMES}
    version = str(form.get("version", ""))
    try:
        if template is None:
            number = await ctx.create(MAIL_TEMPLATE, **typed)
        else:
            number = template.id
            seen = int(version[:9]) if version[:9].isdecimal() else None
            await ctx.save(MAIL_TEMPLATE, number, version=seen, **typed)
    except (InvalidError, StaleVersionError) as error:
        return await _page(request, typed | {"version": version}, template, error)
    return go(request, f"{_URL}/{number}", Flash(text=_("Saved")))


@post(_URL, policy=ADMIN)
async def mail_template_create(request: AnyRequest) -> Response[Any]:
    """Keep a new template."""
    return await _save(request, None)


@post(f"{_URL}/{{number:int}}", policy=ADMIN)
async def mail_template_update(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Save a template."""
    return await _save(request, await find_mail_template(context_of(request), number))


@post(f"{_URL}/{{number:int}}/remove", policy=ADMIN)
async def mail_template_remove(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Move a template to the trash."""
    await context_of(request).trash(MAIL_TEMPLATE, min(number, 2**62))
    return go(request, _URL, Flash(text=_("Removed")))


HANDLERS = (
    mail_templates_show,
    mail_template_new,
    mail_template_show,
    mail_template_create,
    mail_template_update,
    mail_template_remove,
)
