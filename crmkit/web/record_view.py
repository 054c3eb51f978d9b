"""A record to the structs its pages print."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from crmkit.access.predicate import allowed
from crmkit.records.actions import actions_of
from crmkit.records.merge import may_merge
from crmkit.web.action_form import action_inputs
from crmkit.web.fields import (
    entity_link,
    input_of,
    link_of,
    raw_text,
    show_html,
    show_text,
    with_link,
)
from crmkit.web.format import format_moment
from crmkit.web.personal_view import personal_buttons
from crmkit.web.shell import avatar_of
from crmkit.web.steps import step_fact
from crmkit.web.timeline import composer
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    Conflict,
    Fact,
    FieldEditor,
    FieldGroup,
    FieldView,
    FormGroup,
    FormPage,
    Lifecycle,
    LifecycleStep,
    Link,
    RecordPage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.errors import InvalidError, StaleVersionError
    from crmkit.model.action import Action as Declared
    from crmkit.model.action import InputRow
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.steps import Step
    from crmkit.web.views import FieldInput, Panel, TimelineDay

Record = dict[str, Any]
_FACTS = 5
_USERS = "core.user"
_NO_ROWS: Mapping[str, Any] = MappingProxyType({})


def may(ctx: Context, plan: EntityPlan, verb: Any) -> bool:  # noqa: ANN401
    """Say whether the reader may use a verb on some records of the entity."""
    return allowed(ctx, plan, verb)


def dom_id(plan: EntityPlan, record: Mapping[str, Any], name: str) -> str:
    """Answer the id of a field's element."""
    return f"{plan.name}-{record['id']}-{name}".replace(".", "-").replace("_", "-")


def field_view(
    ctx: Context, plan: EntityPlan, field: Field, record: Record, *, saved: bool = False
) -> FieldView:
    """Answer a field of a record; after a save with the new version."""
    editable = (
        field.editable
        and may(ctx, plan, "edit")
        and record["trashed_at"] is None
        and field.name != plan.board
    )
    return FieldView(
        name=field.name,
        label=_(field.label),
        html=show_html(ctx, field, record),
        id=dom_id(plan, record, field.name),
        editable=editable,
        edit_url=f"/{plan.name}/{record['id']}/field/{field.name}/edit" if editable else None,
        help=_(field.help) or None,
        url=link_of(field, record),
        version=str(record["version"]) if saved else None,
    )


def field_editor(
    ctx: Context,
    plan: EntityPlan,
    field: Field,
    record: Record,
    *,
    value: str | None = None,
    error: str | None = None,
    stale: StaleVersionError | None = None,
) -> FieldEditor:
    """Answer the place of a field while it is edited.

    Args:
        value: What was typed; None takes the stored value.
    """
    url = f"/{plan.name}/{record['id']}/field/{field.name}"
    currency = str(record.get("currency") or "")
    return FieldEditor(
        field=input_of(
            ctx,
            field,
            raw_text(ctx, field, record[field.name], currency) if value is None else value,
            display=show_text(ctx, field, record) if field.reference else "",
            error=error,
            conflict=show_text(ctx, field, record) if stale else None,
            currency=currency,
            autofocus=True,
        ),
        id=dom_id(plan, record, field.name),
        action_url=url,
        cancel_url=url,
        version=str(record["version"]),
        error=stale.message if stale else None,
    )


def _steps(ctx: Context, plan: EntityPlan, record: Record) -> Lifecycle | None:
    lifecycle = plan.lifecycle
    if lifecycle is None:
        return None
    current = str(record[lifecycle.column] or "")
    names = [state.name for state in lifecycle.states]
    place = names.index(current) if current in names else -1
    steps = []
    is_lost = place >= 0 and lifecycle.states[place].kind == "lost"
    for index, state in enumerate(lifecycle.states):
        # Nobody knows how far a lost one came, so no step before it is called done.
        done: Literal["done", "current", "next"] = (
            "current" if index == place else "done" if index < place and not is_lost else "next"
        )
        missing = lifecycle.missing(state.name, record)
        steps.append(
            LifecycleStep(
                name=state.name,
                label=_(state.label),
                kind=state.kind,
                state=done,
                allowed=lifecycle.can_move(current, state.name) and may(ctx, plan, "edit"),
                url=f"/{plan.name}/{record['id']}/move",
                fields=tuple(
                    input_of(ctx, plan.fields[name], raw_text(ctx, plan.fields[name], None))
                    for name in missing
                    if name in plan.fields
                ),
            )
        )
    return Lifecycle(label=_(plan.fields[lifecycle.column].label), steps=tuple(steps))


def fitting_actions(ctx: Context, plan: EntityPlan, record: Record) -> list[Declared]:
    """Answer the declared actions that the reader may do with a record as it is."""
    if record["trashed_at"] is not None:
        return []
    state = record[plan.lifecycle.column] if plan.lifecycle else ""
    return [
        action
        for action in actions_of(plan)
        if may(ctx, plan, action.permission) and action.fits(ctx, state, record)
    ]


def buttons_of(
    ctx: Context, plan: EntityPlan, record: Record,
    rows: Mapping[str, Mapping[str, Sequence[InputRow]]] = _NO_ROWS,
) -> tuple[Action, ...]:  # fmt: skip
    """Answer the buttons: declared actions first, then merging, the trash and what is for good.

    Args:
        rows: Action and field to the inputs it has for this record.
    """
    if record["trashed_at"] is not None:
        return personal_buttons(ctx, plan, record)
    url, version = f"/{plan.name}/{record['id']}", (("version", str(record["version"])),)
    made = [
        Action(
            name=action.name,
            label=_(action.label),
            url=f"{url}/actions/{action.name}",
            icon=action.icon or None,
            kind="secondary" if action.quiet else "primary",
            confirm=_(action.confirm) or None,
            fields=action_inputs(ctx, action, rows.get(action.name, _NO_ROWS)),
            values=version,
        )
        for action in fitting_actions(ctx, plan, record)
    ]
    if plan.name == _USERS and may(ctx, plan, "admin") and record["active"]:
        made.append(
            Action(name="link", label=_("Link to choose a password"), icon="key",
                   url=f"/settings/users/{record['id']}/link")
        )  # fmt: skip
    if plan.plugin != "core" and plan.part_of is None:
        made.append(
            Action(name="forward", label=_("Forward mail here"), url=f"{url}/mail/address",
                   icon="mail", method="get")
        )  # fmt: skip
    if may_merge(plan) and may(ctx, plan, "edit") and may(ctx, plan, "delete"):
        made.append(
            Action(name="merge", label=_("Merge with another record"), url=f"{url}/merge",
                   icon="git-merge", method="get")
        )  # fmt: skip
    if may(ctx, plan, "delete"):
        trash = Action(
            name="trash", label=_("Move to trash"), url=f"{url}/trash", icon="trash",
            kind="danger", values=version,
        )  # fmt: skip
        made.append(trash)
    return (*made, *personal_buttons(ctx, plan, record))


def _contacts(ctx: Context, plan: EntityPlan, record: Record) -> tuple[Link, ...]:
    """Answer the ways to reach whom the record is about, and planning the next step."""
    links = []
    for kind, label, sign in (("phone", _("Call"), "phone"), ("email", _("E-mail"), "mail")):
        for field in plan.fields.values():
            if field.kind == kind and (url := link_of(field, record)):
                links.append(Link(label=label, url=url, icon=sign))
                break
    for link in plan.step_links:
        steps = ctx.site.entity(link.entity).steps
        planned = next((each for each in steps.kinds if each.planned), None) if steps else None
        if planned is not None and may(ctx, ctx.site.entity(link.entity), "create"):
            url = f"/{plan.name}/{record['id']}?write={planned.value}"
            links.append(Link(label=_("Plan a step"), url=url, icon=planned.icon))
            break
    return tuple(links)


def _subtitle(ctx: Context, plan: EntityPlan, record: Record) -> str:
    """Answer one line on what the record is, of its first short texts."""
    parts = (with_link(ctx, plan.fields[name], record) for name in plan.subtitle)
    return Markup(", ").join(part for part in parts if part)


def _facts(ctx: Context, plan: EntityPlan, record: Record, step: Step | None) -> tuple[Fact, ...]:
    facts = []
    for name in plan.facts:
        field = plan.fields[name]
        text = show_text(ctx, field, record)
        if name in (plan.title, plan.board) or not text:
            continue
        facts.append(
            Fact(label=_(field.label), html=show_html(ctx, field, record),
                 url=link_of(field, record),
                 avatar=avatar_of(text) if field.reference == "core.user" else None)
        )  # fmt: skip
    state = str(record[plan.lifecycle.column] or "") if plan.lifecycle else ""
    planned = step_fact(ctx, plan, state, step)
    return (*facts[:_FACTS], *((planned,) if planned else ()))


def record_page(
    ctx: Context,
    plan: EntityPlan,
    record: Record,
    days: tuple[TimelineDay, ...],
    step: Step | None = None,
    *,
    related: tuple[Panel, ...] = (),
    panels: tuple[Panel, ...] = (),
) -> RecordPage:
    """Answer the page of a record, but for its buttons.

    Args:
        days: The timeline.
        step: What is to be done next.
        related: Records that point here, under the fields.
        panels: Records on their way that point here, and what plugins add.
    """
    url = f"/{plan.name}/{record['id']}"
    title = str(record[plan.title] or _("Without a name"))
    trashed = record["trashed_at"]
    return RecordPage(
        entity=entity_link(ctx, plan),
        id=str(record["id"]),
        url=url,
        version=str(record["version"]),
        title=title,
        avatar=avatar_of(title, square=True),
        subtitle=_subtitle(ctx, plan, record),
        key_facts=_facts(ctx, plan, record, step),
        groups=tuple(
            FieldGroup(
                label=_(group.label) or _("Fields"),
                source=group.source if group.source and group.source != group.label else None,
                fields=tuple(
                    field_view(ctx, plan, plan.fields[name], record) for name in group.names
                ),
            )
            for group in plan.form
        ),
        related=related,
        panels=panels,
        composer=composer(ctx, plan, record) if trashed is None else (),
        timeline=days,
        timeline_url=f"{url}/timeline",
        lifecycle=_steps(ctx, plan, record) if trashed is None else None,
        contacts=_contacts(ctx, plan, record) if trashed is None else (),
        edit_url=f"{url}/edit" if may(ctx, plan, "edit") and trashed is None else None,
        trashed=_("This record is in the trash since %(when)s.")
        % {"when": format_moment(ctx, trashed)}
        if trashed
        else None,
        restore_url=f"{url}/restore" if trashed and may(ctx, plan, "delete") else None,
    )


def form_page(
    ctx: Context,
    plan: EntityPlan,
    raw: Mapping[str, str],
    *,
    record: Record | None = None,
    displays: Mapping[str, str] | None = None,
    invalid: InvalidError | None = None,
    stale: StaleVersionError | None = None,
) -> FormPage:
    """Answer the form of a new or stored record with what was typed.

    Args:
        raw: Field name to text.
        displays: Field name to title of the chosen record.
    """
    problems = invalid.problems if invalid else {}
    current = record or {}
    currency = str(current.get("currency") or "")
    groups: list[FormGroup] = []
    for group in plan.form:
        inputs: list[FieldInput] = []
        for name in group.names:
            field = plan.fields[name]
            if not field.editable:
                continue
            stored = raw_text(ctx, field, current.get(name), currency)
            differs = stale is not None and stored != raw.get(name, "")
            inputs.append(
                input_of(
                    ctx,
                    field,
                    raw.get(name, ""),
                    display=(displays or {}).get(name, ""),
                    error=problems.get(name),
                    conflict=show_text(ctx, field, current) if differs else None,
                    currency=currency,
                    autofocus=not record and not problems and not groups and not inputs,
                )
            )
        if inputs:
            groups.append(FormGroup(fields=tuple(inputs), label=_(group.label) or None))
    base = f"/{plan.name}/{record['id']}" if record else f"/{plan.name}"
    shown = {field.name for group in groups for field in group.fields}
    loose = tuple(f"{name}: {text}" for name, text in problems.items() if name not in shown)
    what = _(plan.singular).lower()
    return FormPage(
        title=str(record[plan.title]) if record else _("New %(what)s") % {"what": what},
        groups=tuple(groups),
        action_url=f"{base}/edit" if record else f"{base}/new",
        cancel_url=base,
        submit=_("Save"),
        again=None if record else _("Save and enter another"),
        entity=entity_link(ctx, plan),
        version=str(record["version"]) if record else None,
        errors=((invalid.message,) if invalid and not problems else ()) + loose,
        conflict=Conflict(
            who=stale.changed_by or _("Somebody"),
            when=format_moment(ctx, stale.changed_at) if stale.changed_at else "",
            version=str(current["version"]),
        )
        if stale
        else None,
        duplicates_url=f"{base}/similar"
        if record is None and plan.title_field.has_key and plan.title_field.editable
        else None,
        draft_key=f"{plan.name}-{record['id'] if record else 'new'}",
    )
