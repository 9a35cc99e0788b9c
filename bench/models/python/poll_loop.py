"""poll: as select, without the limit of 1,024 descriptors."""

import select

from shared import accept_all, listen, respond

listener = listen()
poller = select.poll()
poller.register(listener.fileno(), select.POLLIN)
clients = {}

while True:
    for fd, event in poller.poll():
        if fd == listener.fileno():
            for client in accept_all(listener):
                clients[client.fileno()] = client
                poller.register(client.fileno(), select.POLLIN)
            continue
        try:
            stays = respond(clients[fd])
        except BlockingIOError:
            continue
        if not stays:
            poller.unregister(fd)
            clients.pop(fd).close()
