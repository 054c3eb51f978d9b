"""Fails in each hook that may fail alone, and tells nobody else's plugin from its own."""

from crmkit import Plugin


class Hostile(Plugin):
    async def startup(self, event):
        raise RuntimeError("startup")

    async def shutdown(self, event):
        raise RuntimeError("shutdown")

    async def initial_values(self, event):
        return 42

    async def page_panels(self, event):
        raise RuntimeError("page_panels")

    async def page_context(self, event):
        return [None]

    async def timeline(self, event):
        return {"sections": 7}

    async def agenda(self, event):
        raise RuntimeError("agenda")

    async def search(self, event):
        return object()

    async def on_error(self, event):
        raise RuntimeError("on_error")
