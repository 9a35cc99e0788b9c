"""epoll, edge-triggered: after an event, accept and recv until there is nothing left."""

import select

from shared import listen, respond

listener = listen()
listener.setblocking(False)
epoll = select.epoll()
epoll.register(listener.fileno(), select.EPOLLIN | select.EPOLLET)
clients = {}

while True:
    for fd, event in epoll.poll():
        try:
            if fd == listener.fileno():
                while True:
                    client, address = listener.accept()
                    client.setblocking(False)
                    clients[client.fileno()] = client
                    epoll.register(client.fileno(), select.EPOLLIN | select.EPOLLET)
            while respond(clients[fd]):
                pass
        except BlockingIOError:
            continue  # everything was read: the next bytes will be reported
        epoll.unregister(fd)
        clients.pop(fd).close()
