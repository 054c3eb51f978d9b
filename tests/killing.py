"""People who write while processes are killed, and remember what they were told."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.sites import EMAIL, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Connect = Callable[[], AbstractContextManager[httpx.Client]]
    Write = Callable[[httpx.Client, str], tuple[int, Any]]

#: Within which a killed server is ready again.
READY_SECONDS = 5.0


@contextmanager
def sign_in(base: str) -> Iterator[httpx.Client]:
    """Give a client of the pages, signed in as the administrator."""
    with httpx.Client(base_url=base, timeout=20) as client:
        client.post("/login", data={"name": EMAIL, "password": PASSWORD})
        token = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").text)
        assert token is not None
        client.headers["X-CSRF-Token"] = token[1]
        yield client


def postmaster(site: Path) -> int:
    """Answer the process of a site's own PostgreSQL."""
    place = site / "var" / "postgres"
    if (place / "location").exists():
        place = Path((place / "location").read_text().strip())
    return int((place / "data" / "postmaster.pid").read_text().split()[0])


class Writer(threading.Thread):
    """Somebody who writes as fast as he is answered, and begins anew when he is cut off.

    Args:
        connect: Gives a client; called again when it is cut off.
        write: Does one write of a name that is never used again, and answers its status and what
            was acknowledged by it, None when nothing was.
    """

    def __init__(self, name: str, connect: Connect, write: Write) -> None:
        super().__init__(name=name, daemon=True)
        self._connect, self._write = connect, write
        self.acknowledged = list[Any]()
        self.statuses = Counter[int]()
        self.done = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.done.is_set():
            try:
                with self._connect() as client:
                    while not self.done.is_set():
                        number += 1
                        status, kept = self._write(client, f"{self.name} {number}")
                        self.statuses[status] += 1
                        if kept is not None:
                            self.acknowledged.append(kept)
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.05)


@contextmanager
def writing(many: int, connect: Connect, write: Write) -> Iterator[Sequence[Writer]]:
    """Let so many people write in the block; their last writes end with it."""
    writers = [Writer(f"Writer {number}", connect, write) for number in range(many)]
    for each in writers:
        each.start()
    try:
        yield writers
    finally:
        for each in writers:
            each.done.set()
        for each in writers:
            each.join(timeout=30)
