"""Non-blocking sockets without a multiplexer: tries the listener and every client in turn."""

from shared import listen, respond

listener = listen()
listener.setblocking(False)
clients = []

while True:
    try:
        client, address = listener.accept()
        client.setblocking(False)
        clients.append(client)
    except BlockingIOError:
        pass  # no client is waiting
    for client in list(clients):  # a copy, because clients leave meanwhile
        try:
            stays = respond(client)
        except BlockingIOError:
            continue  # this one has sent nothing
        if not stays:
            clients.remove(client)
            client.close()
