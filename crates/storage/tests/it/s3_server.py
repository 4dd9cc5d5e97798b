"""Runs moto's S3 on a free port of 127.0.0.1, one request at a time.

moto looks whether an object exists and then writes it, in a thread per request: left alone, it
lets two racing conditional writers win now and then, which S3 never does.
"""

import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication as App
from moto.server import main

turn = threading.Lock()
answer = App.__call__


def in_turn(self, environ, start_response):
    with turn:
        return answer(self, environ, start_response)


App.__call__ = in_turn
main(["--host", "127.0.0.1", "--port", "0"])
