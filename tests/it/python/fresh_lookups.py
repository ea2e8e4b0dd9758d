"""Looks an agent up as the fleet does: a fresh REQ socket for each request, 5 s time-out, linger 0, closed after."""

import json
import sys
import time
import uuid

import zmq

port, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = zmq.Context.instance()


def look_up():
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.RCVTIMEO, 5000)
    socket.setsockopt(zmq.SNDTIMEO, 5000)
    socket.setsockopt(zmq.LINGER, 0)
    try:
        socket.connect(f"tcp://localhost:{port}")
        socket.send_string(
            json.dumps(
                {
                    "action": "get_agent_endpoint",
                    "agent_name": name,
                    "source_agent": "Source",
                    "request_id": str(uuid.uuid4()),
                    "timestamp": time.time(),
                }
            )
        )
        return json.loads(socket.recv_string())
    finally:
        socket.close()


for _ in range(count):
    reply = look_up()
    if reply.get("status") == "success":
        print(f"{reply['host']}:{int(reply['port'])}")
    else:
        print(f"error: {reply['error']}")
