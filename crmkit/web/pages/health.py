"""For whoever watches the process: is it alive, and can it work."""

from litestar import get

from crmkit.records.plugins.rows import system_context
from crmkit.web.policy import PUBLIC
from crmkit.web.services import AnyRequest, services_of
from crmkit.work.administration import is_worked


@get("/healthz", policy=PUBLIC, media_type="text/plain", sync_to_thread=False)
def health_show() -> str:
    """Say that the process answers."""
    return "ok"


@get("/readyz", policy=PUBLIC, media_type="text/plain")
async def readiness_show(request: AnyRequest) -> str:
    """Say that the database answers, 503 when it does not, and what else does not work.

    Jobs that nobody works and checks of plugins leave the answer at 200: they must not take the
    site from who asks whether it serves. Anybody may read this, so checks are named without their
    words.
    """
    services = services_of(request)
    await services.db.value("SELECT 1")
    ctx = system_context(services.config, services.db, services.site)
    failing = [each for each in await services.health.ask(ctx) if each.problem]
    lines = [] if await is_worked(ctx) else ["no worker was heard from"]
    return "\n".join(
        ["ready", *lines, *(f"failing: {each.plugin} {each.name}" for each in failing)]
    )


HANDLERS = (health_show, readiness_show)
