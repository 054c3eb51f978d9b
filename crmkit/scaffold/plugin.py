"""The folder of a new plugin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.errors import ConflictError, InvalidError
from crmkit.plugin.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

_ID = re.compile(r"[a-z][a-z0-9]{1,30}")
_FILES = {
    "plugin.toml": 'id = "{id}"\nname = "{name}"\nversion = "0.1.0"\ncrmkit = ">=1,<2"\n',
    "__init__.py": '''"""{name}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import Plugin

from .entities import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit import Entity


class {name}(Plugin):
    """What the plugin adds to the site."""

    def entities(self) -> Iterable[Entity]:
        """What it keeps records of."""
        return ENTITIES
''',
    "tables.py": '"""The tables of {name}."""\n',
    "entities.py": '''"""How records of {name} are shown."""

from __future__ import annotations

from crmkit import Entity

ENTITIES: list[Entity] = []
''',
    "README.md": """# {name}

Declare tables with `crmkit new entity {id}.name field:type ...`; switch the plugin on with
`crmkit plugin enable {id}`.
""",
    "tests/test_{id}.py": '''"""What {name} does, tried on a site of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["crmkit.testing.fixtures"]
pytestmark = pytest.mark.asyncio


async def test_the_plugin_is_on_and_pages_work(site, client):
    running = await site(enabled=["{id}"])
    assert running.site.plugins["{id}"].state == "enabled"
    browser = await client("administrator")
    own = [entity for entity in running.site.entities if entity.startswith("{id}.")]
    for path in ("", *own):
        assert (await browser.get(f"/{path}")).status_code == 200, path
''',
    "migrations/README.md": "`0001_initial.sql` and so on; below `-- backwards` how to undo.\n",
}


def new_plugin(site: Path, plugin_id: str) -> Path:
    """Write the folder of a plugin below `<site>/plugins` and answer it.

    Raises:
        InvalidError: The id cannot be one.
        ConflictError: There is such a folder.
    """
    if not _ID.fullmatch(plugin_id):
        raise InvalidError(
            f"`{plugin_id}` cannot be the id of a plugin: "
            "take 2 to 31 lower-case letters and digits, such as loyalty."
        )
    folder = site / "plugins" / plugin_id
    if folder.exists():
        raise ConflictError(f"{folder} is there already. Take another id.")
    for name, text in _FILES.items():
        path = folder / name.replace("{id}", plugin_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace("{id}", plugin_id).replace("{name}", plugin_id.capitalize()),
            encoding="utf-8",
        )
    read_manifest(folder / "plugin.toml")
    return folder
