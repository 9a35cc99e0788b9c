"""A client by Python's h2, which checks all that a server sends: GET, HEAD, POST, many streams at once.

Its arguments are the port, and "tls" for TLS. It prints a line for each response: path, status, length, digest.
"""

import hashlib
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

PORT = int(sys.argv[1])
GETS = ["/", "/large.txt", "/style.css", "/missing"] + ["/", "/style.css", "/missing"] * 5
BODY = b"0123456789" * 10_000

raw = socket.create_connection(("127.0.0.1", PORT), timeout=30)
if "tls" in sys.argv:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    raw = context.wrap_socket(raw)
    assert raw.selected_alpn_protocol() == "h2"

connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
connection.local_settings = h2.settings.Settings(
    client=True,
    initial_values={
        h2.settings.SettingCodes.ENABLE_PUSH: 0,
        h2.settings.SettingCodes.HEADER_TABLE_SIZE: 100,
        h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 20_000,
        h2.settings.SettingCodes.MAX_FRAME_SIZE: 16_384,
    },
)
connection.initiate_connection()


def fields(method, path):
    return [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path), ("x-own", "a")]


paths, heads, bodies, left, ended = {}, {}, {}, {}, set()
for path in GETS:
    stream = connection.get_next_available_stream_id()
    paths[stream] = f"GET {path}"
    connection.send_headers(stream, fields("GET", path), end_stream=True)
head = connection.get_next_available_stream_id()
paths[head] = "HEAD /large.txt"
connection.send_headers(head, fields("HEAD", "/large.txt"), end_stream=True)
post = connection.get_next_available_stream_id()
paths[post] = "POST /"
left[post] = BODY
connection.send_headers(post, fields("POST", "/") + [("content-length", str(len(BODY)))])
connection.ping(b"12345678")
pongs = []


def send_body():
    while left.get(post):
        room = min(connection.local_flow_control_window(post), connection.max_outbound_frame_size)
        if room == 0:
            return
        part, left[post] = left[post][:room], left[post][room:]
        connection.send_data(post, part)
    if post in left:
        del left[post]
        connection.send_headers(post, [("x-sum", "1")], end_stream=True)


send_body()
while len(ended) < len(paths):
    raw.sendall(connection.data_to_send())
    data = raw.recv(65_536)
    assert data, "the server has ended"
    for event in connection.receive_data(data):
        if isinstance(event, h2.events.ResponseReceived):
            heads[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            ended.add(event.stream_id)
        elif isinstance(event, h2.events.PingAckReceived):
            pongs.append(event.ping_data)
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            raise SystemExit(f"{event}")
    send_body()
connection.close_connection()
raw.sendall(connection.data_to_send())
assert pongs == [b"12345678"], pongs
for stream in sorted(paths):
    body = bodies.get(stream, b"")
    print(paths[stream], heads[stream][":status"], len(body), hashlib.sha256(body).hexdigest()[:8])
