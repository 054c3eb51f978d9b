"""What the database keeps of plugins and of the company's own fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.field import Field
from crmkit.model.values import Choice as FieldChoice
from crmkit.plugin.site import Choice, StoredPlugin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.db.engine import Database


async def read_choice(
    db: Database, law: Sequence[str] | None, blocked: Mapping[str, str] | None = None
) -> Choice:
    """Read what a Site is to be made of.

    Args:
        law: `[plugins] enabled` of crmkit.toml, which decides when present.
        blocked: Plugin id to why it must not load.
    """
    stored = await read_stored(db)
    table = {name for name, each in stored.items() if each.state == "enabled"}
    return Choice(
        enabled=frozenset(table if law is None else law),
        with_defaults=law is None,
        stored=stored,
        custom_fields={k: tuple(v) for k, v in (await load_custom_fields(db)).items()},
        quarantine=await read_quarantine(db),
        blocked=dict(blocked or {}),
        webhooks=await read_webhooks(db),
    )


def first_choice(law: Sequence[str] | None) -> Choice:
    """Answer what a site is made of before it has a database: the law, or the defaults."""
    return Choice(enabled=frozenset(law or ()), with_defaults=law is None)


async def read_stored(db: Database) -> dict[str, StoredPlugin]:
    """Read the rows of plugins, by id."""
    rows = await db.rows(
        "SELECT id, name, state, version, guards, settings FROM core_plugin ORDER BY id"
    )
    return {
        row["id"]: StoredPlugin(**{**dict(row), "guards": tuple(row["guards"])}) for row in rows
    }


async def read_quarantine(db: Database) -> dict[str, dict[str, str]]:
    """Read which parts of plugins are no longer called: plugin id to part to its last error."""
    found: dict[str, dict[str, str]] = {}
    for row in await db.rows("SELECT plugin, part, error FROM core_quarantine ORDER BY 1, 2"):
        found.setdefault(row["plugin"], {})[row["part"]] = row["error"]
    return found


async def read_webhooks(db: Database) -> dict[int, tuple[str, ...]]:
    """Read which events each webhook that is on is told of."""
    rows = await db.rows("SELECT id, events FROM core_webhook WHERE active ORDER BY id")
    return {row["id"]: tuple(row["events"]) for row in rows}


async def read_generation(db: Database) -> int:
    """Read the number that grows whenever a Site must be built anew."""
    return int(await db.value("SELECT number FROM core_generation"))


async def raise_generation(db: Database) -> int:
    """Tell every process to build its Site anew, once the caller's transaction commits."""
    return int(await db.value("UPDATE core_generation SET number = number + 1 RETURNING number"))


async def load_custom_fields(db: Database) -> dict[str, list[Field]]:
    """Read the company's own fields: entity name to fields, by id."""
    rows = await db.rows("SELECT * FROM core_custom_field ORDER BY id")
    fields: dict[str, list[Field]] = {}
    for row in rows:
        fields.setdefault(row["entity"], []).append(
            Field(
                name=f"custom.user.{row['name']}",
                label=row["label"],
                kind=row["kind"],
                required=row["required"],
                choices=tuple(FieldChoice(value, value) for value in row["choices"]),
                listed=row["listed"],
                filterable=True,
                max_length=500,
            )
        )
    return fields
