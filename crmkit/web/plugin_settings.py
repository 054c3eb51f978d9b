"""The settings of a plugin as a form: one input a field of its Struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.plugin.options import is_by_role, is_secret, labels_of, read_settings, type_by_role
from crmkit.records.plugins.settings import settings_type
from crmkit.web.plugins_view import PATH, site_of
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, FormGroup, FormPage, Option

if TYPE_CHECKING:
    from crmkit.errors import InvalidError
    from crmkit.model.context import Context

_NUMBERS = (msgspec.inspect.IntType, msgspec.inspect.FloatType, msgspec.inspect.DecimalType)
_OFF = ("csrf_token",)


def settings_form(
    ctx: Context, plugin: str, raw: dict[str, str] | None, error: InvalidError | None
) -> FormPage:
    """Answer the form with what is stored, or with what was typed.

    Raises:
        NotFoundError: The plugin has no settings.
    """
    kind = settings_type(ctx, plugin)
    stored = site_of(ctx).choice.stored.get(plugin)
    values, broken = read_settings(kind, stored.settings if stored else {})
    problems = {**broken, **(error.problems if error else {})}
    fields = msgspec.structs.fields(kind)
    inputs = tuple(
        _input(field, getattr(values, field.name), (raw or {}).get(field.name), problems)
        for field in fields
        if not is_by_role(field)
    )
    tables = tuple(
        _by_role(ctx, field, getattr(values, field.name), raw, problems)
        for field in fields
        if is_by_role(field)
    )
    return FormPage(
        title=_("Settings"),
        groups=(FormGroup(fields=inputs), *tables),
        action_url=f"{PATH}/{plugin}/settings",
        cancel_url=PATH,
        submit=_("Save"),
        errors=(error.message,) if error else (),
    )


def _by_role(
    ctx: Context,
    field: msgspec.structs.FieldInfo,
    values: Any,  # noqa: ANN401 - a mapping of role to value
    raw: dict[str, str] | None,
    problems: dict[str, str],
) -> FormGroup:
    """Answer an input for each role of the site."""
    label, text = _meta(field)
    info = msgspec.inspect.type_info(type_by_role(field))
    is_number = isinstance(getattr(info, "type", info), _NUMBERS)
    inputs: list[FieldInput] = []
    for name, role in ctx.site.roles.items():
        key = f"{field.name}.{name}"
        inputs.append(
            FieldInput(
                name=key,
                label=_(role.label),
                kind="number" if is_number else "text",
                value=(raw or {}).get(key, "" if raw else str(values.get(name, ""))),
                help=_(text) if text and not inputs else "",
                error=_told(role.label, problems.get(key)),
            )
        )
    return FormGroup(fields=tuple(inputs), label=_(label))


def _told(label: str, problem: str | None) -> str | None:
    """Answer what is wrong as a sentence, as fields of records say it."""
    return f"{_(label)} {problem}." if problem else None


def _info(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 - one of msgspec's types
    info = msgspec.inspect.type_info(field.type)
    return info.type if isinstance(info, msgspec.inspect.Metadata) else info


def _meta(field: msgspec.structs.FieldInfo) -> tuple[str, str]:
    """Answer label and help: title and description of the field's Meta."""
    schema = msgspec.json.schema(field.type)
    label = str(schema.get("title") or field.name.replace("_", " ").capitalize())
    return label, str(schema.get("description") or "")


def _input(
    field: msgspec.structs.FieldInfo,
    value: Any,  # noqa: ANN401 - of any setting
    typed: str | None,
    problems: dict[str, str],
) -> FieldInput:
    info, (label, text) = _info(field), _meta(field)
    shown = "" if value is None else str(getattr(value, "value", value))
    options: tuple[Option, ...] = ()
    kind = "text"
    if is_secret(field):
        kind, shown = "password", ""
        text = text or _("Left empty it stays as it is.")
    elif isinstance(info, msgspec.inspect.BoolType):
        kind = "checkbox"
    elif isinstance(info, _NUMBERS):
        kind = "number"
    elif isinstance(info, msgspec.inspect.LiteralType | msgspec.inspect.EnumType):
        kind, labels = "select", labels_of(field)
        found = (
            info.values
            if isinstance(info, msgspec.inspect.LiteralType)
            else [each.value for each in info.cls]
        )
        options = tuple(
            Option(
                value=str(each),
                label=_(labels.get(str(each)) or str(each).replace("_", " ").capitalize()),
                selected=str(each) == (typed or shown),
            )
            for each in found
        )
    return FieldInput(
        name=field.name,
        label=_(label),
        kind=kind,  # type: ignore[arg-type]
        value="1" if kind == "checkbox" else "" if kind == "password" else typed or shown,
        checked=kind == "checkbox" and value is True,
        options=options,
        # An empty number or choice is none, an empty text is one.
        required=field.required or kind in {"number", "select"},
        help=_(text) if text else "",
        error=_told(label, problems.get(field.name)),
    )


def typed_settings(ctx: Context, plugin: str, raw: dict[str, str]) -> dict[str, Any]:
    """Answer the values of a form; a box that is not ticked sends nothing."""
    values: dict[str, Any] = {name: text for name, text in raw.items() if name not in _OFF}
    for field in msgspec.structs.fields(settings_type(ctx, plugin)):
        if is_by_role(field):
            start = f"{field.name}."
            sent = {n: values.pop(n) for n in list(values) if n.startswith(start)}
            values[field.name] = {
                name.removeprefix(start): text for name, text in sent.items() if text.strip()
            }
        if isinstance(_info(field), msgspec.inspect.BoolType):
            values[field.name] = field.name in raw
    return values
