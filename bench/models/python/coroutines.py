"""gevent: a coroutine for each client, written with blocking calls that gevent replaces."""

from gevent import monkey

monkey.patch_all()

import gevent

from shared import listen, respond


def serve(client):
    while respond(client):
        pass
    client.close()


listener = listen()
listener.setblocking(True)  # for gevent: its accept waits
while True:
    client, address = listener.accept()
    gevent.spawn(serve, client)
