"""A server for the browsers of this machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from bokeh.settings import settings
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from nuinfer.errors import ConfigError
from nuinfer.explore.page import Opened, Page, template
from nuinfer.inference.work.ending import ended_by_signals

ADDRESS = "127.0.0.1"


def serve(opened: Opened, port: int, ready: Callable[[str], object]) -> None:
    """Serve pages until a signal ends it.

    Parameters
    ----------
    opened : Opened
        What every page shows first.
    port : int
        Of this machine; 0 takes a free one.
    ready : callable
        Called with the address when pages can be opened.

    Raises
    ------
    ConfigError
        If the port cannot be had.
    """
    try:
        sockets, port = bind_sockets(ADDRESS, port)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--port {port}: cannot be had ({error}); leave it out for a free one") from None
    origins = [f"{name}:{port}" for name in (ADDRESS, "localhost")]
    settings.resources = "server"  # whatever the user's environment says
    settings.allowed_ws_origin = origins

    def fill(document: Document) -> None:
        Page(document, opened)
        document.title = f"nuinfer explore {' '.join(opened.origin)}"
        document.template = template()
        document.template_variables.update(origins=[f"ws://{origin}" for origin in origins])

    loop: Any = IOLoop.current()
    application = BokehTornado(Application(FunctionHandler(fill)), extra_websocket_origins=origins)
    http = HTTPServer(application)
    server = BaseServer(loop, application, http)
    http.add_sockets(sockets)
    server.start()
    with ended_by_signals(partial(loop.asyncio_loop.call_soon_threadsafe, loop.stop)):
        loop.add_callback(ready, f"http://{ADDRESS}:{port}/")
        loop.start()
    server.stop()
