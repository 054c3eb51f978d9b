"""For whoever watches the process: is it alive, and can it work."""

from litestar import get

from crmkit.web.policy import PUBLIC
from crmkit.web.services import AnyRequest, services_of


@get("/healthz", policy=PUBLIC, media_type="text/plain", sync_to_thread=False)
def health_show() -> str:
    """Say that the process answers."""
    return "ok"


@get("/readyz", policy=PUBLIC, media_type="text/plain")
async def readiness_show(request: AnyRequest) -> str:
    """Say that the database answers; 503 when it does not."""
    await services_of(request).db.value("SELECT 1")
    return "ready"


HANDLERS = (health_show, readiness_show)
