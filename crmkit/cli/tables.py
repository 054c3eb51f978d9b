"""Rows as people or programs read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Sequence

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as JSON, or as columns as wide as their widest cell."""
    if as_json:
        click.echo(json.dumps(list(rows)))
        return
    if not rows:
        return
    names = list(rows[0])
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in names}
    for row in ({name: name for name in names}, *rows):
        click.echo("  ".join(str(row[name]).ljust(widths[name]) for name in names).rstrip())
