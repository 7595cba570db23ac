"""A server for the browsers of this machine."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from nuinfer.errors import ConfigError
from nuinfer.explore.page import Opened, Page, template
from nuinfer.inference.work.ending import ended_by_signals

ADDRESS, LAST_PORT = "127.0.0.1", 65535


class Prompt(HTTPServer):
    """A server that sends small messages at once: else each of the many of a web socket waits for the one before."""

    def handle_stream(self, stream: Any, address: Any) -> None:
        """Take a connection."""
        stream.set_nodelay(True)
        stream.set_nodelay = bool  # Tornado would take it back after the first answer
        super().handle_stream(stream, address)


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
    if port > LAST_PORT:
        raise ConfigError(f"--port {port}: is not allowed, the last one is {LAST_PORT}")
    try:
        listening = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ConfigError(f"--port {port}: cannot be had, {error}; without it a free one is taken") from None
    listening.setblocking(False)
    port = listening.getsockname()[1]
    origins = [f"{name}:{port}" for name in (ADDRESS, "localhost")]
    for name in ("bokeh.server.views.ws", "tornado.access"):  # what is refused is no fault of ours
        logging.getLogger(name).setLevel(logging.CRITICAL)
    settings.resources = "server"  # whatever the user's environment says
    settings.allowed_ws_origin = origins

    def fill(document: Document) -> None:
        Page(document, opened)
        document.title = f"nuinfer explore {opened.name}"
        document.template = template()
        document.template_variables.update(origins=[f"ws://{origin}" for origin in origins])

    loop: Any = IOLoop.current()
    application = BokehTornado(Application(FunctionHandler(fill)), extra_websocket_origins=origins)
    http = Prompt(application)
    server = BaseServer(loop, application, http)
    http.add_sockets([listening])
    server.start()
    with ended_by_signals(partial(loop.asyncio_loop.call_soon_threadsafe, loop.stop)):
        loop.add_callback(ready, f"http://{ADDRESS}:{port}/")
        loop.start()
    server.stop()
