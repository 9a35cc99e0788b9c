"""epoll, level-triggered: each socket is registered once, and only ready ones come back."""

import select

from shared import accept_all, listen, respond

listener = listen()
epoll = select.epoll()
epoll.register(listener.fileno(), select.EPOLLIN)
clients = {}

while True:
    for fd, event in epoll.poll():
        if fd == listener.fileno():
            for client in accept_all(listener):
                clients[client.fileno()] = client
                epoll.register(client.fileno(), select.EPOLLIN)
            continue
        try:
            stays = respond(clients[fd])
        except BlockingIOError:
            continue
        if not stays:
            epoll.unregister(fd)
            clients.pop(fd).close()
