"""What the programs share: the listener, and what a client gets for its bytes.

Each program is started with a port, and with a folder if it is to serve files; without one it is an echo.
"""

import re
import socket
import sys

ROOT = sys.argv[2] if len(sys.argv) > 2 else None
RECEIVE_BYTES = 4096


def listen():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(4096)
    listener.setblocking(False)
    return listener


def accept_all(listener):
    """Yields the clients that are waiting. With one client a round, a long round would make the others wait."""
    while True:
        try:
            client, address = listener.accept()
        except BlockingIOError:
            return
        client.setblocking(False)
        yield client


def answer(received):
    """Returns the response to a request that has arrived in one piece, or the bytes themselves."""
    if ROOT is None:
        return received
    request = re.match(rb"[^/]+(/[^ ]*)", received)
    name = request.group(1).decode("latin-1") if request else "/"
    try:
        if ".." in name:
            raise FileNotFoundError(name)
        with open(ROOT + ("/index.html" if name == "/" else name), "rb") as file:
            status, body = "200 OK", file.read()
    except (OSError, ValueError):
        status, body = "404 NOT FOUND", "file not found, 请输入正确的url".encode()
    head = "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head.encode() + body


def respond(client):
    """Answers what has arrived, and returns whether the client stays.

    Raises BlockingIOError when nothing has arrived. A client that does not read is given up.
    """
    try:
        received = client.recv(RECEIVE_BYTES)
    except BlockingIOError:
        raise
    except OSError:
        return False
    if not received:
        return False
    try:
        client.sendall(answer(received))
    except OSError:
        return False
    return True
