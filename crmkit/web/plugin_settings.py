"""The settings of a plugin as a form: one input a field of its Struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.plugin.options import is_secret, read_settings
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
    inputs = tuple(
        _input(field, getattr(values, field.name), (raw or {}).get(field.name), problems)
        for field in msgspec.structs.fields(kind)
    )
    return FormPage(
        title=_("Settings"),
        groups=(FormGroup(fields=inputs),),
        action_url=f"{PATH}/{plugin}/settings",
        cancel_url=PATH,
        submit=_("Save"),
        errors=(error.message,) if error else (),
    )


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
        kind = "select"
        found = (
            info.values
            if isinstance(info, msgspec.inspect.LiteralType)
            else [each.value for each in info.cls]
        )
        options = tuple(
            Option(value=str(each), label=_(str(each).replace("_", " ").capitalize()),
                   selected=str(each) == (typed or shown))
            for each in found
        )  # fmt: skip
    return FieldInput(
        name=field.name,
        label=_(label),
        kind=kind,  # type: ignore[arg-type]
        value="1" if kind == "checkbox" else "" if kind == "password" else typed or shown,
        checked=kind == "checkbox" and value is True,
        options=options,
        required=field.required,
        help=_(text) if text else "",
        error=problems.get(field.name),
    )


def typed_settings(ctx: Context, plugin: str, raw: dict[str, str]) -> dict[str, Any]:
    """Answer the values of a form; a box that is not ticked sends nothing."""
    values: dict[str, Any] = {name: text for name, text in raw.items() if name not in _OFF}
    for field in msgspec.structs.fields(settings_type(ctx, plugin)):
        if isinstance(_info(field), msgspec.inspect.BoolType):
            values[field.name] = field.name in raw
    return values
