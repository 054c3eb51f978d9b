"""`crmkit serve`: the port and the database first, then the heavy imports, then the pages."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from crmkit.cli.site_server import SiteServer, make_site
from crmkit.config import load_config
from crmkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.config import Config, ServeOptions

_BACKLOG = 512
_LOOK_SECONDS = 0.5


def serve_site(
    folder: Path,
    host: str | None,
    port: int | None,
    options: ServeOptions,
    shared: tuple[int, int] | None = None,
) -> None:
    """Serve until a signal ends it.

    Args:
        shared: The listening socket and the process that took the port, when another one did.

    Raises:
        CrmkitError: Settings, port, database or schema do not allow it.
    """
    if make_site(folder):
        click.echo(f"Made a new site in {folder.resolve()}.")
    config = load_config(folder)
    if shared is not None:
        _end_with(shared[1])
        taken = socket.socket(fileno=shared[0])
    else:
        taken = listen(host or config.server.host, config.server.port if port is None else port)
    config = served_at(config, taken)
    server = SiteServer(config)
    try:
        # PostgreSQL starts while these are imported.
        from crmkit.web.host import serve  # noqa: PLC0415

        addresses = server.start()
        server.keep_alive()
        serve(config, addresses.owner, addresses.app, taken, options)
    finally:
        taken.close()
        server.stop()


def served_at(config: Config, taken: socket.socket) -> Config:
    """Answer the settings with the address that was taken: links in mails lead to it."""
    host, port = taken.getsockname()[:2]
    server = msgspec.structs.replace(config.server, host=host, port=port)
    return msgspec.structs.replace(config, server=server)


def _end_with(parent: int) -> None:
    """End in good order when the process that took the port is gone; else the port stays taken."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything slow happens.

    Raises:
        ConfigError: Another program has it, or it is not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or the loop would not know that small packets must not wait.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise ConfigError(
            f"{host}:{port} cannot be used ({error.strerror}). Another program may have it: "
            f"stop that, or choose a port with `--port {port + 1}`."
        ) from error
    taken.listen(_BACKLOG)
    taken.set_inheritable(True)
    return taken
