"""Bring one server up: adopt the living one, or clear, create and start."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from crmkit.db.server import cluster, processes
from crmkit.db.server.address import ServerAddress
from crmkit.db.server.binaries import clean_environment, program
from crmkit.db.server.place import SOCKET_PORT
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from crmkit.db.server.locks import FileLock
    from crmkit.db.server.place import Place

#: Small: a site with a few users on a small machine. The site's settings replace them.
_DEFAULTS = {
    "shared_buffers": "32MB",
    "max_connections": "100",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
#: PostgreSQL 18 would start three idle processes for reading.
_DEFAULTS_18 = {"io_method": "sync"}
_FIRST_MAJOR_WITH_IO_METHOD = 18
_LOG_BYTES = 10_000_000
#: One segment of the write-ahead log: with less, a start cannot go on.
_SCARCE_BYTES = 16 * 1024 * 1024
#: Seconds between two looks at the starting server, and before a start is tried again.
_PAUSE, _RETRY = 0.01, 0.2


class Launch:
    """One start of one server; the caller holds the start lock."""

    def __init__(
        self,
        place: Place,
        programs: Path,
        major: int,
        *,
        settings: Mapping[str, str],
        sockets: bool,
    ) -> None:
        """Remember the parts; nothing runs yet."""
        self._place = place
        self._programs = programs
        self._major = major
        self._settings = settings
        self._sockets = sockets
        self._password: str | None = None
        self._log_start = 0
        #: Why a server that says it is ready does not answer; empty when nothing is known.
        self.problem = ""
        #: The postmaster when this process started it.
        self.child: subprocess.Popen[bytes] | None = None

    def bring_up(self, lock: FileLock, cancelled: threading.Event) -> ServerAddress | None:
        """Return the address once ``SELECT 1`` answers, or None when it was cancelled.

        Raises:
            DatabaseStartError: The server cannot start.
            OSError: Files cannot be written, programs cannot run.
        """
        place = self._place
        if not place.cluster.exists():
            self._make_password()
            sync = self._settings.get("fsync", "on").lower() not in ("off", "false", "no", "0")
            held = [] if lock.fd is None else [lock.fd]
            cluster.create(place, self._programs, sync=sync, password=self._password, held=held)
        cluster.check_major(place, self._programs, self._major)
        self._read_password()
        while not cancelled.is_set():
            if (address := self._look()) is not None:
                if not cluster.is_provisioned(place):
                    cluster.provision(place, self._programs, address)
                return address
            cancelled.wait(_PAUSE)
        return None

    def _look(self) -> ServerAddress | None:
        """Go one step: the address of a server that answers, or None to look again."""
        place = self._place
        if self.child is not None and self.child.poll() is not None:
            self._judge_end()
            self.child = None
        found = processes.find_postmaster(place.cluster)
        if found is not None:
            # It starts, recovers or shuts down; a shut down one is gone at the next look.
            address = self._address(found)
            answers = found.ready and self._answers(address)
            return address if answers else None
        if self.child is None:
            processes.clear_leftovers(place.cluster, place.socket_folder, SOCKET_PORT)
            self.child = self._start()
        return None

    def _answers(self, address: ServerAddress) -> bool:
        done = cluster.ask(self._programs, address, "SELECT 1")
        self.problem = done.stderr.strip()
        return done.returncode == 0

    def _address(self, found: processes.PidFile) -> ServerAddress:
        if not found.socket_folder:
            return ServerAddress("127.0.0.1", found.port, self._password)
        # Where it was started counts: this process may see another temporary folder.
        folder = found.socket_folder
        if not os.path.isdir(folder):  # noqa: PTH112 (the site was moved while it ran)
            folder = str(self._place.socket_folder)
        return ServerAddress(folder, found.port, None)

    def _start(self) -> subprocess.Popen[bytes]:
        place = self._place
        cluster.write_access_rules(place, sockets=self._sockets)
        options = {**_DEFAULTS, **self._settings}
        if self._major >= _FIRST_MAJOR_WITH_IO_METHOD:
            options = {**_DEFAULTS_18, **options}
        options |= self._listening()
        options["hba_file"] = str(place.home / "pg_hba.conf")
        options["ident_file"] = str(place.home / "pg_ident.conf")
        command = [program(self._programs, "postgres"), "-D", str(place.cluster)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with os.fdopen(self._open_log(), "ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=place.cluster,
                env=clean_environment(),
                # Ctrl-C in the terminal is for crmkit, which then stops the server in order.
                start_new_session=True,
                **place.account.run_as(),
            )

    def _listening(self) -> dict[str, str]:
        if not self._sockets:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            return {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
            }
        # A list separated by commas: quoted, a folder with a comma or blank stays one.
        folder = str(self._place.socket_folder).replace('"', '""')
        return {
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
            "unix_socket_directories": f'"{folder}"',
            "unix_socket_permissions": "0700",
        }

    def _open_log(self) -> int:
        log = self._place.log
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        fd = self._place.open_file(log.name, append=True)
        self._log_start = os.fstat(fd).st_size
        return fd

    def _judge_end(self) -> None:
        """Decide about a server that ended while it started: look again, or give up.

        Raises:
            DatabaseStartError: It says why it cannot start.
        """
        text = self._place.log.read_bytes()[self._log_start :].decode(errors="replace")
        if "shared memory block" in text or "postmaster.pid" in text:
            # Another start was faster, or the system still cleans up after a killed one.
            time.sleep(_RETRY)
            return
        reasons = [line for line in text.splitlines() if "FATAL" in line or "PANIC" in line]
        # After the time, the process and the severity.
        reason = reasons[-1].partition(":  ")[2] if reasons else text.strip()[-300:]
        remedy = "Look at the settings below [database] in crmkit.toml and at the log"
        # On a full disk the log may end before it says so.
        if "No space left" in text or shutil.disk_usage(self._place.cluster).free < _SCARCE_BYTES:
            remedy = "Make room on that disk and start again; the log is"
        elif "ermission denied" in text:
            remedy = f"Give {self._place.account.name} back its rights there; the log is"
        message = (
            f"PostgreSQL ended while it started in {self._place.cluster}: {reason.strip()}. "
            f"{remedy} {self._place.log}."
        )
        raise DatabaseStartError(message)

    def _make_password(self) -> None:
        if not self._sockets:
            self._password = secrets.token_urlsafe(32)
            self._place.write("password", self._password)
            if self._place.account.is_other:  # initdb reads it
                os.chown(self._place.home / "password", self._place.account.uid, -1)

    def _read_password(self) -> None:
        if (secret := self._place.home / "password").exists():
            self._password = secret.read_text(encoding="ascii")
