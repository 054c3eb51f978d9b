"""For whoever watches the process: is it alive, and can it work."""

from litestar import get

from crmkit.records.plugins.rows import system_context
from crmkit.web.policy import PUBLIC
from crmkit.web.services import AnyRequest, services_of


@get("/healthz", policy=PUBLIC, media_type="text/plain", sync_to_thread=False)
def health_show() -> str:
    """Say that the process answers."""
    return "ok"


@get("/readyz", policy=PUBLIC, media_type="text/plain")
async def readiness_show(request: AnyRequest) -> str:
    """Say that the database answers, 503 when it does not, and which checks of plugins fail.

    Those leave the answer at 200: a plugin that does not work must not take the site from who
    asks whether it serves. Anybody may read this, so it names them without their words.
    """
    services = services_of(request)
    await services.db.value("SELECT 1")
    ctx = system_context(services.config, services.db, services.site)
    failing = [each for each in await services.health.ask(ctx) if each.problem]
    return "\n".join(["ready", *(f"failing: {each.plugin} {each.name}" for each in failing)])


HANDLERS = (health_show, readiness_show)
