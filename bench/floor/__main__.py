"""Serves the floor: `python -m bench.floor DSN PORT`."""

from __future__ import annotations

import asyncio
import sys

import uvicorn

from bench.floor.app import make_app
from bench.floor.pages import Pages


async def main(dsn: str, port: int) -> None:
    """Serve with the settings of crmkit's own server."""
    pages = await Pages.open(dsn)
    config = uvicorn.Config(
        make_app(pages),
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        lifespan="off",
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await pages.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
