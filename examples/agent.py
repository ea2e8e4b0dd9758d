#!/usr/bin/env python3
"""A complete agent: registers itself, looks another one up, and lists all that are there. Needs pyzmq."""

import argparse
import json
import sys
import time

try:
    import zmq
except ImportError:
    sys.exit("agent.py needs pyzmq (apt-get install python3-zmq, or pip install pyzmq, in a virtual environment)")


class RegistryError(Exception):
    """The registry refused, or did not answer."""


class Registry:
    """A client of the service registry by way of its instances, of which the first that can answer does. A REQ socket
    that missed a reply is of no more use, so each try has its own."""

    def __init__(self, addresses, timeout, tries):
        self.addresses, self.timeout, self.tries = list(addresses), timeout, tries

    def ask(self, action, **fields):
        """Asks one instance after the other, all of them `tries` times. After silence and after `unavailable` it may
        have been done, and is done again at the next one: it comes to the same. Any other reply is an answer."""
        request = json.dumps({"action": action, **fields}).encode()
        refusal = None
        for attempt in range(1, self.tries + 1):
            if refusal:
                time.sleep(1)  # it came at once, and Redis needs a moment
            for address in list(self.addresses):
                reply = self.try_once(address, request)
                if reply and reply.get("code") != "unavailable":
                    return self.checked(action, address, reply)
                refusal = reply or refusal
                wrong = f"{address}: {reply['error']}" if reply else f"no answer from {address} within {self.timeout} s"
                print(f"{wrong} ({attempt} of {self.tries})", file=sys.stderr)
                self.addresses.append(self.addresses.pop(0))  # the last to be asked, from now on
        if refusal:
            raise RegistryError(f"{action}: {refusal['error']} ({refusal['code']})")
        raise RegistryError(f"no registry answers at {', '.join(self.addresses)}")

    def try_once(self, address, request):
        with zmq.Context.instance().socket(zmq.REQ) as socket:
            socket.linger = 0  # or closing would wait for a registry that is not there
            socket.connect(address)
            socket.send(request)
            return json.loads(socket.recv()) if socket.poll(self.timeout * 1000) else None

    def checked(self, action, address, reply):
        if reply["status"] == "error":
            raise RegistryError(f"{action}: {reply['error']} ({reply['code']})")
        if reply["status"] != "success":
            raise RegistryError(f"{address} is not the registry port; is it the health port?")
        return reply


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--registry",
        action="append",
        help="the registry's address (tcp://localhost:7100). Where there are several instances, each of them, in the "
        "order in which to ask them: given again, or parted by commas",
    )
    parser.add_argument("--name", default="MyAgent", help="register under this name (%(default)s)")
    parser.add_argument("--host", default="localhost", help="the host this agent is reached at (%(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="the port this agent is reached at (%(default)s)")
    parser.add_argument("--find", help="look this agent up; without it, the agent finds itself")
    parser.add_argument("--timeout", type=float, default=2, help="seconds to wait for a reply (%(default)s)")
    parser.add_argument("--tries", type=int, default=5, help="how often to ask before giving up (%(default)s)")
    options = parser.parse_args()

    addresses = ",".join(options.registry or ["tcp://localhost:7100"]).replace(" ", "").split(",")
    registry = Registry(addresses, options.timeout, options.tries)
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
