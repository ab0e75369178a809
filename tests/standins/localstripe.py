"""localstripe on loopback alone, on a port from the operating system, which the first line of output names.

Its own command listens on every address of the machine. State stays in this process.
"""

import logging
import socket

from aiohttp import web
from localstripe import resources, server

logging.disable(logging.CRITICAL)
# it would write all its state to one file of the machine, which all of them share
type(resources.store).dump_to_disk = lambda self: None

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
# whoever reads the port may come at once
listener.listen()
print("port", listener.getsockname()[1], flush=True)
web.run_app(server.app, sock=listener, access_log=None, print=None)
