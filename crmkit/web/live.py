"""Open pages hear that something changed: one stream of server-sent events for each page.

The stream only says what changed; the page fetches it, with the permission of its own request.
One connection of the process listens to the database for all streams.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crmkit.work.listening import hear
from crmkit.work.notifications import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a slow reader may lag behind before its stream ends; the browser comes back.
_LAG = 32
#: Of one session; the oldest ends when one more begins.
_MOST = 8


class Stream:
    """What one page listens to.

    Attributes:
        heard: Topics that changed, None when the stream ends.
    """

    def __init__(self, session: str, user_id: int, topics: frozenset[str]) -> None:
        self.session, self.user_id, self.topics = session, user_id, topics
        self.heard: asyncio.Queue[str | None] = asyncio.Queue(_LAG)

    def tell(self, topic: str) -> None:
        """Say that a topic changed, or end the stream when nobody reads it."""
        if self.heard.full():
            self.end()
        else:
            self.heard.put_nowait(topic)

    def end(self) -> None:
        """Let the stream end; what it did not say yet is dropped."""
        while not self.heard.empty():
            self.heard.get_nowait()
        self.heard.put_nowait(None)


class Hub:
    """The streams of this process."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._streams: list[Stream] = []

    async def run(self) -> None:
        """Listen until cancelled."""
        await hear(self._dsn, LIVE, self.told)

    def told(self, notice: str) -> None:
        """Hand a notice of the database on; "" says that some may have been missed."""
        topic, _, user = notice.partition(" ")
        for stream in list(self._streams):
            if not notice or topic == f"me/{stream.user_id}":
                stream.tell("me")
            # Who changed it knows, also in his other windows.
            elif topic in stream.topics and user != str(stream.user_id):
                stream.tell("record")

    @contextmanager
    def open(self, session: str, user_id: int, topics: frozenset[str]) -> Iterator[Stream]:
        """Answer a stream that is told of its topics while the block lasts."""
        mine = [each for each in self._streams if each.session == session]
        for each in mine[: max(0, len(mine) - _MOST + 1)]:
            each.end()
        stream = Stream(session, user_id, topics)
        self._streams.append(stream)
        try:
            yield stream
        finally:
            self._streams.remove(stream)

    def end_all(self) -> None:
        """End every stream: the Site is exchanged, or the server stops. Browsers come back."""
        for stream in list(self._streams):
            stream.end()
