"""epoll, edge-triggered: after an event, accept and recv until there is nothing left."""

import select

from shared import accept_all, listen, respond

listener = listen()
epoll = select.epoll()
epoll.register(listener.fileno(), select.EPOLLIN | select.EPOLLET)
clients = {}

while True:
    for fd, event in epoll.poll():
        if fd == listener.fileno():
            for client in accept_all(listener):
                clients[client.fileno()] = client
                epoll.register(client.fileno(), select.EPOLLIN | select.EPOLLET)
            continue
        try:
            while respond(clients[fd]):
                pass
        except BlockingIOError:
            continue  # everything was read: the next bytes will be reported
        epoll.unregister(fd)
        clients.pop(fd).close()
