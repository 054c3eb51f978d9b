"""Where a running server listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens and how to log in."""

    #: Folder of the unix socket, or ``127.0.0.1`` where there are no unix sockets.
    host: str
    port: int
    #: None on a unix socket: there the kernel says who connects (peer authentication).
    password: str | None = field(repr=False)

    def dsn(self, role: str, database: str = "crmkit") -> str:
        """Return a ``postgresql://`` URL that asyncpg and the PostgreSQL tools accept."""
        name, base = quote(role, safe=""), quote(database, safe="")
        if self.password is None:
            # Blanks as %20: PostgreSQL's tools take a plus sign for itself.
            place = urlencode({"host": self.host, "port": self.port}, quote_via=quote)
            return f"postgresql://{name}@/{base}?{place}"
        secret = quote(self.password, safe="")
        return f"postgresql://{name}:{secret}@{self.host}:{self.port}/{base}"
