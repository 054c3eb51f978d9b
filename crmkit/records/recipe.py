"""A recipe: several imports in one file, so that a company's data comes in with one command."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError, NotFoundError
from crmkit.records.csv_file import CsvFile, read_csv
from crmkit.records.custom_fields import define_field
from crmkit.records.import_plan import ImportPlan

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.model.context import Context


class FieldStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A custom choice field whose choices are a column of a file."""

    entity: str
    name: str
    label: str
    file: str
    column: str


class ImportStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file into one entity."""

    entity: str
    file: str
    plan: ImportPlan


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields first, then the imports in their order."""

    fields: tuple[FieldStep, ...] = ()
    imports: tuple[ImportStep, ...] = ()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InvalidError: The file is no TOML or has a wrong key; names the place.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist.") from error
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidError(f"{path}: {error}.") from error


def open_file(folder: Path, name: str) -> CsvFile:
    """Read a CSV file of a folder.

    Raises:
        NotFoundError: It is not there.
        InvalidError: It is no CSV; names the file.
    """
    path = folder / name
    try:
        return read_csv(path.read_bytes())
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read ({error.strerror}).") from error
    except InvalidError as error:
        raise InvalidError(f"{path}: {error.message}", error.problems) from error


async def define_fields(ctx: Context, recipe: Recipe, folder: Path) -> bool:
    """Define the recipe's custom fields; answer whether the Site must be built again."""
    changed = False
    for step in recipe.fields:
        choices = open_file(folder, step.file).values(step.column)
        plan = ctx.site.entity(step.entity)
        changed |= await define_field(ctx, plan, step.name, step.label, "choice", choices)
    return changed
