"""A new entity: its table, how it is shown, and its migration."""

from __future__ import annotations

import keyword
import re
import types
from typing import TYPE_CHECKING

from crmkit.db.ddl import RECORD_COLUMNS, create_table_sql
from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model import columns
from crmkit.model.record import Record

if TYPE_CHECKING:
    from pathlib import Path

_WORD = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TYPES = {
    "text": "Line(length=200)",
    "name": "Name(length=200)",
    "int": "Number()",
    "decimal": "Measure()",
    "money": "Money()",
    "date": "Date()",
    "datetime": "Moment()",
    "bool": "Flag()",
    "email": "Email(length=200)",
    "phone": "Phone(length=64)",
}


def new_entity(site: Path, name: str, fields: tuple[str, ...]) -> Path:
    """Add `loyalty.points` with fields such as `amount:int`; answer the migration.

    Raises:
        InvalidError: A name or a type cannot be used.
        NotFoundError: The plugin is not in the site's folder.
        ConflictError: The plugin declares such a class.
    """
    plugin, _, entity = name.partition(".")
    _check_word(entity)
    folder = site / "plugins" / plugin
    if not plugin or not (folder / "plugin.toml").is_file():
        raise NotFoundError(f"{folder} is no plugin. First run `crmkit new plugin {plugin}`.")
    code = _columns(fields)
    table, label = f"{plugin}_{entity}", entity.replace("_", " ").capitalize()
    cls = "".join(part.capitalize() for part in entity.split("_"))
    tables, entities = folder / "tables.py", folder / "entities.py"
    if f"class {cls}(" in tables.read_text(encoding="utf-8"):
        raise ConflictError(f"{tables} has a class `{cls}` already. Take another name.")
    migration = _write_migration(folder, table, entity, code)
    lines = "".join(f"    {key} = {_qualified(value)}\n" for key, value in code.items())
    _append(
        tables,
        "from crmkit import Record\nfrom crmkit.model import columns\n",
        f'class {cls}(Record, tablename="{table}"):\n    """{label}."""\n\n{lines}',
    )
    shown = "".join(f"            tables.{cls}.{key},\n" for key in code if key != "currency")
    text = entities.read_text(encoding="utf-8")
    if "from . import tables" not in text:
        text = text.replace(
            "from crmkit import Entity\n",
            "from crmkit import N_, Entity\n\nfrom . import tables\n",
        )
    title = next((k for k, v in code.items() if v.startswith(("Line", "Name", "Pick"))), "")
    first = title or next(iter(code))
    entities.write_text(
        f"{text}ENTITIES.append(\n    Entity(\n        tables.{cls},\n"
        f'        N_("{label}"),\n        title=tables.{cls}.{first},\n'
        f"        list=[\n{shown}        ],\n    )\n)\n",
        encoding="utf-8",
    )
    return migration


def _check_word(word: str) -> None:
    if not _WORD.fullmatch(word) or keyword.iskeyword(word) or word in RECORD_COLUMNS:
        raise InvalidError(
            f"`{word}` cannot be a name here: take lower-case letters, digits and _, "
            "no word of Python and no column every record has."
        )


def _columns(fields: tuple[str, ...]) -> dict[str, str]:
    """Answer by name what stands behind `columns.`."""
    found: dict[str, str] = {}
    for field in fields:
        name, _, kind = field.partition(":")
        _check_word(name)
        if name in found:
            raise InvalidError(f"`{name}` stands twice. Give each field a name of its own.")
        found[name] = _column(field, kind)
    if "Money()" in found.values():
        found.setdefault("currency", "Currency()")
    if not found:
        raise InvalidError("An entity needs a field, such as amount:int.")
    return found


def _column(field: str, kind: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    picked = re.fullmatch(r"choice\(([a-z0-9_]+(?:,[a-z0-9_]+)*)\)", kind)
    if picked:
        options = "".join(
            f'            Choice("{key}", N_("{key.replace("_", " ").capitalize()}")),\n'
            for key in picked[1].split(",")
        )
        return f"Pick(\n        (\n{options}        )\n    )"
    if re.fullmatch(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*", kind):
        return f'Reference("{kind.replace(".", "_")}")'
    raise InvalidError(
        f"`{field}`: `{kind}` is no type. Take one of {', '.join(_TYPES)}, "
        "choice(first,second) or an entity such as crm.person."
    )


def _qualified(value: str) -> str:
    return f"columns.{value}"


def _write_migration(folder: Path, table: str, entity: str, code: dict[str, str]) -> Path:
    made = {key: _make(value) for key, value in code.items()}
    cls = types.new_class("New", (Record,), {"tablename": table}, lambda body: body.update(made))
    numbers = [int(path.name[:4]) for path in (folder / "migrations").glob("[0-9]*.sql")]
    last = max(numbers, default=0)
    path = folder / "migrations" / f"{last + 1:04d}_{entity if last else 'initial'}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{create_table_sql(cls)}-- backwards\nDROP TABLE {table};\n", encoding="utf-8")
    return path


def _make(value: str) -> object:
    """Answer the column that a line of code of `_column` makes."""
    name, _, inner = value.rstrip(")").partition("(")
    cls = getattr(columns, name)
    if name == "Pick":
        return cls()  # the choices are no part of the schema
    if name == "Reference":
        return cls(inner.strip('"'))
    return cls(**({"length": int(inner.removeprefix("length="))} if inner else {}))


def _append(path: Path, imports: str, block: str) -> None:
    text = path.read_text(encoding="utf-8")
    if "import columns" not in text:
        text += f"\nfrom __future__ import annotations\n\n{imports}"
    if "Choice(" in block:
        text = text.replace(
            "from crmkit import Record\n", "from crmkit import N_, Choice, Record\n"
        )
    path.write_text(f"{text}\n\n{block}", encoding="utf-8")
