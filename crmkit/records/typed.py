"""Turns journal values, which are JSON, back into what a column takes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan


def from_journal(plan: EntityPlan, name: str, value: Any) -> Any:  # noqa: ANN401
    """Answer the value a column takes; custom fields keep JSON values."""
    field = plan.fields.get(name)
    if value is None or field is None or field.is_custom:
        return value
    if field.kind in {"money", "decimal"}:
        return Decimal(value)
    if field.kind == "date":
        return date.fromisoformat(value)
    if field.kind == "datetime":
        return datetime.fromisoformat(value)
    return value
