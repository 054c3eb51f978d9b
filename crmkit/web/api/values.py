"""A JSON object to the values of a record and back, by the fields of its plan."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.kept import say_kept
from crmkit.model.money import amount_text
from crmkit.records.query import plain
from crmkit.records.values import ValueProblem, parse_value
from crmkit.web.translate import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.api.structs import EntityStructs


def read_values(
    ctx: Context, plan: EntityPlan, structs: EntityStructs, sent: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer field values of a JSON object: its type first, then the rules forms have.

    Raises:
        InvalidError: All problems, by field; names that cannot be written are among them.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in _flat(sent, problems):
        field = plan.field(name)
        if field is None or name not in structs.types:
            problems[name] = _("is no field that can be written")
            continue
        try:
            values[name] = _value(ctx, field, structs.types[name], value)
        except ValueProblem as problem:
            problems[name] = problem.told(_)
        except msgspec.ValidationError as error:
            problems[name] = _("does not fit: %(reason)s") % {"reason": str(error)}
        except OverflowError:
            problems[name] = _("does not fit; enter another value")
    if problems:
        raise InvalidError(_("Some fields need a correction before this can be saved."), problems)
    return values


def _flat(sent: Mapping[str, Any], problems: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for name, value in sent.items():
        if name != "custom":
            # A dot belongs to nested names alone.
            yield (name if "." not in name else f"`{name}`"), value
            continue
        if not isinstance(value, dict):
            problems["custom"] = _('must be an object by owner, such as {"user": {}}')
            continue
        for owner, keys in value.items():
            if not isinstance(keys, dict):
                problems[f"custom.{owner}"] = _("must be an object of fields")
                continue
            for key, each in keys.items():
                yield f"custom.{owner}.{key}", each


def _value(ctx: Context, field: Field, kind: Any, value: Any) -> Any:  # noqa: ANN401
    typed = msgspec.convert(value, kind)
    if typed is None:
        return parse_value(ctx, field, "")
    if isinstance(typed, datetime):
        return typed.astimezone(UTC)
    if isinstance(typed, bool):
        return typed
    text = typed.isoformat() if hasattr(typed, "isoformat") else str(typed)
    return parse_value(ctx, field, text)


def show_row(
    ctx: Context, plan: EntityPlan, row: Mapping[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Answer a row as JSON shows it, sentences in the reader's language.

    Args:
        names: Fields to show; money brings its currency, a reference its title.
    """
    shown: dict[str, Any] = {
        "id": row["id"],
        "version": row["version"],
        "trashed_at": row["trashed_at"],
    }
    for name in names:
        field = plan.fields[name]
        value = _shown(field, row[name], str(row.get("currency") or ""))
        if field.said and value:
            value = say_kept(ctx, str(value))
        if field.is_custom:
            _prefix, owner, key = name.split(".", 2)
            shown.setdefault("custom", {}).setdefault(owner, {})[key] = value
            continue
        shown[name] = value
        if field.kind == "reference":
            shown[f"{name}_title"] = row.get(f"{name}__title")
        if field.kind == "money" and "currency" in row:
            shown.setdefault("currency", row["currency"])
    return shown


def _shown(field: Field, value: Any, currency: str) -> Any:  # noqa: ANN401 - as stored
    if field.kind == "number" and isinstance(value, Decimal):
        return int(value)
    if field.kind == "checkbox" and isinstance(value, str):
        return value == "true"
    if field.kind == "reference" and isinstance(value, str):
        return int(value) if value.isdecimal() else None
    if field.kind == "money" and isinstance(value, Decimal):
        return amount_text(value, currency)
    return plain(value) if isinstance(value, Decimal) else value


def show_current(ctx: Context, plan: EntityPlan, row: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a whole record."""
    return show_row(ctx, plan, row, tuple(plan.fields))
