"""Sends standard input as one REQ message, and prints the reply."""

import sys

import zmq

port = sys.argv[1]
with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.linger = 0
    socket.rcvtimeo = 5000
    socket.connect(f"tcp://127.0.0.1:{port}")
    socket.send(sys.stdin.buffer.read())
    print(socket.recv().decode())
