"""A PostgreSQL for one run, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.db.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch_server() -> Iterator[str]:
    """Start a server in a temporary folder; answers the address of its owner role.

    Raises:
        DatabaseStartError: It does not start; says why.
    """
    folder = Path(tempfile.mkdtemp(prefix="crmkit-tests-"))
    # What it holds is thrown away, so nothing need reach the disk.
    server = EmbeddedServer(
        folder / "postgres", settings={"fsync": "off", "max_connections": "200"}
    )
    try:
        yield server.start().dsn("crmkit_owner")
    finally:
        server.erase()  # as root the database may lie below /var/lib/crmkit
        shutil.rmtree(folder, ignore_errors=True)
