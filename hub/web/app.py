"""The web application: all routes on one hub."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from litestar import Litestar, get
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.static_files import create_static_files_router

from hub.hub import Hub
from hub.web import (
    auth,
    bulletins,
    clusters,
    emergencies,
    emergency_page,
    media,
    own_state,
    page,
    slots,
)
from hub.web.answers import add_security_headers, exception_handlers
from hub.web.callers import Recognition
from hub.web.texts import load_texts
from hub.web.throttle import LoginThrottle

HERE = Path(__file__).parent
MAX_BODY_BYTES = 256 * 1024


@get("/health", sync_to_thread=False, tags=["hub"])
def health() -> dict[str, bool]:
    """Whether the hub answers."""
    return {"ok": True}


def build(hub: Hub) -> Litestar:
    """The application that serves `hub`."""
    texts = load_texts(HERE.parent / "locale")
    state = State(
        {
            "hub": hub,
            "throttle": LoginThrottle(hub.clock),
            "pages": page.Pages(HERE / "templates", texts),
        }
    )
    return Litestar(
        route_handlers=[
            health,
            *(
                topic.router()
                for topic in (
                    auth,
                    bulletins,
                    slots,
                    emergencies,
                    clusters,
                    media,
                    own_state,
                    page,
                    emergency_page,
                )
            ),
            create_static_files_router(
                "/static",
                directories=[HERE / "static"],
                cache_control=CacheControlHeader(no_cache=True),
            ),
        ],
        state=state,
        on_startup=[partial(bulletins.sweep_staging, hub.state.media)],
        dependencies={"hub": Provide(lambda: hub, sync_to_thread=False)},
        middleware=[
            DefineMiddleware(Recognition, exclude=["^/static", "^/health$", "^/api/openapi"])
        ],
        before_send=[add_security_headers],
        exception_handlers=exception_handlers(),
        openapi_config=OpenAPIConfig(
            title="loaxa hub", version="1", path="/api", render_plugins=[JsonRenderPlugin()]
        ),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
