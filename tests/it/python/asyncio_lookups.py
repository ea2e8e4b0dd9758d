"""Looks an agent up from asyncio, many at once, and prints each whole reply."""

import asyncio
import json
import sys

import zmq
import zmq.asyncio

port, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def look_up(context):
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    try:
        socket.connect(f"tcp://localhost:{port}")
        await socket.send_json({"action": "get_agent_endpoint", "agent_name": name})
        return await asyncio.wait_for(socket.recv_json(), timeout=20)
    finally:
        socket.close()


async def main():
    context = zmq.asyncio.Context()
    for reply in await asyncio.gather(*(look_up(context) for _ in range(count))):
        print(json.dumps(reply))
    context.term()


asyncio.run(main())
