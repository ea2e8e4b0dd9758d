#!/usr/bin/env python3
"""A complete agent: registers itself, looks another one up, and lists all that are there. Needs pyzmq."""

import argparse
import json
import sys

try:
    import zmq
except ImportError:
    sys.exit("agent.py needs pyzmq (apt-get install python3-zmq, or pip install pyzmq, in a virtual environment)")


class RegistryError(Exception):
    """The registry refused, or did not answer."""


class Registry:
    """A client of the service registry. A REQ socket that missed a reply is of no more use, so each try has its own."""

    def __init__(self, address, timeout, tries):
        self.address, self.timeout, self.tries = address, timeout, tries

    def ask(self, action, **fields):
        request = json.dumps({"action": action, **fields}).encode()
        for attempt in range(1, self.tries + 1):
            reply = self.try_once(request)
            if reply is not None:
                break
            print(f"no answer from {self.address} within {self.timeout} s ({attempt} of {self.tries})", file=sys.stderr)
        else:
            raise RegistryError(f"no registry answers at {self.address}")
        if reply["status"] == "error":
            raise RegistryError(f"{action}: {reply['error']} ({reply['code']})")
        if reply["status"] != "success":
            raise RegistryError(f"{self.address} is not the registry port; is it the health port?")
        return reply

    def try_once(self, request):
        with zmq.Context.instance().socket(zmq.REQ) as socket:
            socket.linger = 0  # or closing would wait for a registry that is not there
            socket.connect(self.address)
            socket.send(request)
            return json.loads(socket.recv()) if socket.poll(self.timeout * 1000) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registry", default="tcp://localhost:7100", help="the registry's address (%(default)s)")
    parser.add_argument("--name", default="MyAgent", help="register under this name (%(default)s)")
    parser.add_argument("--host", default="localhost", help="the host this agent is reached at (%(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="the port this agent is reached at (%(default)s)")
    parser.add_argument("--find", help="look this agent up; without it, the agent finds itself")
    parser.add_argument("--timeout", type=float, default=2, help="seconds to wait for a reply (%(default)s)")
    parser.add_argument("--tries", type=int, default=5, help="how often to ask before giving up (%(default)s)")
    options = parser.parse_args()

    registry = Registry(options.registry, options.timeout, options.tries)
    try:
        registry.ask("register_agent", agent_id=options.name, host=options.host, port=options.port)
        print(f"registered {options.name}")
        wanted = options.find or options.name
        found = registry.ask("get_agent_endpoint", agent_name=wanted)
        host = f"[{found['host']}]" if ":" in found["host"] else found["host"]
        print(f"found {wanted} at tcp://{host}:{found['port']}")
        print("all agents:", ", ".join(registry.ask("list_agents")["agents"]))
    except (RegistryError, zmq.ZMQError) as error:
        sys.exit(f"agent.py: {error}")


if __name__ == "__main__":
    main()
