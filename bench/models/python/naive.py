"""Non-blocking sockets without a multiplexer: tries the listener and every client in turn."""

from shared import accept_all, listen, respond

listener = listen()
clients = []

while True:
    clients.extend(accept_all(listener))
    for client in list(clients):  # a copy, because clients leave meanwhile
        try:
            stays = respond(client)
        except BlockingIOError:
            continue  # this one has sent nothing
        if not stays:
            clients.remove(client)
            client.close()
