"""select: hands all sockets to the kernel at each call."""

import select

from shared import accept_all, listen, respond

FD_SETSIZE = 1024

listener = listen()
inputs = [listener]

while True:
    readable, writable, exceptional = select.select(inputs, [], [])
    for each in readable:
        if each is listener:
            for client in accept_all(listener):
                if client.fileno() < FD_SETSIZE:
                    inputs.append(client)
                else:
                    client.close()  # select cannot watch it
            continue
        try:
            stays = respond(each)
        except BlockingIOError:
            continue
        if not stays:
            inputs.remove(each)
            each.close()
