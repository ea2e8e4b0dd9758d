"""Asks over one pyzmq REQ socket: each line of standard input is a request in hex, each line printed its reply."""

import sys

import zmq

port = sys.argv[1]
with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.linger = 0
    socket.rcvtimeo = 20_000
    socket.connect(f"tcp://127.0.0.1:{port}")
    for line in sys.stdin:
        socket.send(bytes.fromhex(line))
        frames = socket.recv_multipart()
        if len(frames) != 1:
            sys.exit(f"{len(frames)} frames in reply to {line}")
        print(frames[0].hex())
