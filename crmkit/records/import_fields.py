"""An import that also defines choice fields, for columns that fit no field there is."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.core import read_site
from crmkit.access.predicate import check
from crmkit.errors import InvalidError
from crmkit.records.custom_fields import define_field
from crmkit.records.import_plan import ImportPlan, ImportReport
from crmkit.records.imports import run_import

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.imports import Progress

_MOST_CHOICES = 200
_LONGEST_CHOICE = 200


class Matching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person chose for a file.

    Attributes:
        new: Columns that become choice fields of their own.
        keep: Custom choice fields that take unknown texts of the file as new choices.
        fields_only: Define the fields, write no rows: the file is a list of choices.
        encoding: Of the file; "" finds it.
    """

    plan: ImportPlan
    new: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    fields_only: bool = False
    encoding: str = ""


def field_key(column: str) -> str:
    """Answer the key of the custom field a column becomes."""
    key = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")[:40]
    if not key or not key[0].isalpha():
        return f"field_{zlib.crc32(column.encode()):08x}"
    return key


def field_label(column: str) -> str:
    """Answer the label of the custom field a column becomes: deal_type is "Deal type"."""
    words = " ".join(re.sub(r"_+", " ", column).split())
    return words[:1].upper() + words[1:60]


async def run_matching(
    ctx: Context,
    entity: str,
    file: CsvFile,
    matching: Matching,
    progress: Progress | None = None,
    *,
    trial: bool = False,
) -> tuple[Context, ImportReport]:
    """Define what is new, then import, all in one transaction.

    Args:
        trial: The caller rolls it back, see `run_import`.

    Returns:
        The context with the Site that knows the new fields, and how it went. The caller puts
        that Site in force once its own transaction is committed.

    Raises:
        ForbiddenError: The role may not import, or may not define fields.
        InvalidError: The plan does not fit; nothing was written.
    """
    plan = ctx.site.entity(entity)
    check(ctx, plan, "import")
    async with ctx.db.transaction():
        defined = await _define(ctx, plan, file, matching)
        inner, wanted = ctx, matching.plan
        if defined:
            site = await read_site(ctx.config, ctx.db)
            inner = replace(ctx, site=site)
            names = {column: f"custom.user.{field_key(column)}" for column in matching.new}
            wanted = msgspec.structs.replace(wanted, map={**wanted.map, **names})
        labels = tuple(defined)
        if matching.fields_only:
            if not labels:
                raise InvalidError(
                    "No column becomes a field. Choose `New choice field` for one of them."
                )
            return inner, ImportReport(0, 0, 0, (), fields=labels)
        report = await run_import(
            inner, inner.site.entity(entity), file, wanted, progress, trial=trial
        )
    return inner, msgspec.structs.replace(report, fields=labels)


async def _define(ctx: Context, plan: EntityPlan, file: CsvFile, matching: Matching) -> list[str]:
    """Define fields and add choices; answer their labels."""
    labels = []
    for column in matching.new:
        label = field_label(column)
        await define_field(ctx, plan, field_key(column), label, "choice", _choices(file, column))
        labels.append(label)
    for name in matching.keep:
        field = plan.fields.get(name)
        if field is None or not name.startswith("custom.user.") or field.kind != "choice":
            raise InvalidError(
                "Only choice fields of your own take new choices.", {name: "is none"}
            )
        for column, mapped in matching.plan.map.items():
            if mapped == name:
                key = name.rsplit(".", 1)[-1]
                choices = _choices(file, column)
                await define_field(ctx, plan, key, field.label, "choice", choices)
                labels.append(field.label)
    return labels


def _choices(file: CsvFile, column: str) -> list[str]:
    found = list(dict.fromkeys(text.strip() for text in file.values(column) if text.strip()))
    if len(found) > _MOST_CHOICES or any(len(text) > _LONGEST_CHOICE for text in found):
        raise InvalidError(
            f"Column `{column}` cannot become a choice field: a field has at most "
            f"{_MOST_CHOICES} choices of {_LONGEST_CHOICE} characters, this column has "
            f"{len(found):,}. Leave it out or match it to a text field."
        )
    return found
