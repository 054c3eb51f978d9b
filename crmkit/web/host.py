"""Serves the pages: schema first, then the pool, then uvicorn until a signal."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

import structlog
import uvicorn

from crmkit.access.setup import make_link, needs_setup
from crmkit.records.plugins.start import prepare_site
from crmkit.records.working import make_worker
from crmkit.web.site_host import SiteHost
from crmkit.web.translate import translating
from crmkit.work.pace import Pace

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from crmkit.config import Config, ServeOptions
    from crmkit.db.engine import Database

_GRACE_SECONDS = 5


class _PatientOutput:
    """Standard output; a full disk below it loses lines of the log, not requests."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, or lose the line."""
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        """Flush, or lose what is left."""
        with suppress(OSError):
            self._file.flush()


def configure_logging() -> None:
    """Log JSON lines; events carry chosen fields only, never headers or bodies (TRAPS S3)."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _PatientOutput(sys.stdout))),
        cache_logger_on_first_use=True,
    )


def serve(
    config: Config,
    owner_dsn: str,
    app_dsn: str,
    taken: socket.socket,
    options: ServeOptions,
) -> None:
    """Serve until SIGTERM or SIGINT; returns when all requests have their answers.

    Jobs are worked as well, as many at once as `[work] slots` says.

    Args:
        taken: The port, listened on.
        owner_dsn: Address as the owner of the tables, for migrations.
        app_dsn: Address for reading and writing records.

    Raises:
        DatabaseStartError: The database does not answer.
        MigrationError: The schema cannot be brought up to date.
    """
    configure_logging()
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(_serve(config, owner_dsn, app_dsn, taken, options))


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Answer what makes the fast loop; None, the loop of Python, where it cannot be had."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    config: Config,
    owner_dsn: str,
    app_dsn: str,
    taken: socket.socket,
    options: ServeOptions,
) -> None:
    slots = config.work.slots if options.working and not options.safe else 0
    site, db = await prepare_site(
        config, owner_dsn, app_dsn, safe=options.safe, without=options.without
    )
    try:
        host = SiteHost(config, db, owner_dsn, site)
        await host.start()
        server = _Server(
            uvicorn.Config(
                host,
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=bool(config.server.trusted_proxies),
                forwarded_allow_ips=list(config.server.trusted_proxies),
                timeout_graceful_shutdown=_GRACE_SECONDS,
                lifespan="off",
            )
        )
        worker = make_worker(
            config,
            app_dsn,
            lambda: host.site,
            slots,
            translating(config.language),
            pace=Pace(arrivals=host.arrivals),
        )

        def stop() -> None:
            # Together, so that both have the time that a service manager gives. An open stream
            # would keep the server from ending.
            server.stop()
            host.live.end_all()
            worker.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        if not options.quiet:
            await _tell_address(config, db, taken)
        watching = asyncio.create_task(host.watch())
        listening = asyncio.create_task(host.live.run())
        jobs = [asyncio.create_task(worker.run())] if slots else []
        await server.serve(sockets=[taken])
        watching.cancel()
        listening.cancel()
        worker.stop()
        await asyncio.gather(*jobs)
        await host.stop()
    finally:
        await db.close()


async def _tell_address(config: Config, db: Database, taken: socket.socket) -> None:
    name, port = taken.getsockname()[:2]
    address = config.server.base_url or f"http://{name}:{port}"
    print(f"{config.name}: {address}", flush=True)  # noqa: T201 - for who started it
    if await needs_setup(db):
        link = await make_link(db, "setup")
        print(f"First sign-in: {address}/setup/{link}", flush=True)  # noqa: T201


class _Server(uvicorn.Server):
    """uvicorn ends with the signal it got; this one returns, so that the exit code is 0."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop."""
        yield

    def stop(self) -> None:
        """End after the running requests."""
        self.should_exit = True
