#!/usr/bin/env python3
"""What packaging/compose.yaml and packaging/Dockerfile describe, run as processes in network namespaces, since no container engine
is needed for that: a Redis and two instances, each a host of its own that knows the others by their names.

compose.py BINARY. Needs root, ip, redis-server and PyYAML. Prints a line a check, and ends with 1 where one fails.
"""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(sys.argv[1]).resolve()
# Namespaces and links are named by it, so that two runs don't meet.
RUN = f"sr{os.getpid()}"
NETWORK = "10.211.55."
DEADLINE = 20

failed = []


def check(what, holds, evidence=""):
    print(f"  {'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        failed.append(what)
        print(f"    {evidence}")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def instructions(path):
    """The instructions of a Dockerfile: word, rest; continued lines joined, comments left out."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


class Image:
    """What the last stage of the Dockerfile says of a container."""

    def __init__(self, path):
        self.environment, self.entrypoint, self.health, self.user, self.ports = {}, [], [], None, set()
        for word, rest in instructions(path):
            if word == "FROM":
                self.__init_stage()
            elif word == "ENV":
                name, value = rest.split("=", 1)
                self.environment[name] = value
            elif word == "ENTRYPOINT":
                self.entrypoint = json.loads(rest)
            elif word == "HEALTHCHECK":
                self.health = json.loads(rest[rest.index("[") :])
            elif word == "USER":
                self.user = rest
            elif word == "EXPOSE":
                self.ports = set(rest.split())

    def __init_stage(self):
        self.environment, self.entrypoint, self.health, self.user, self.ports = {}, [], [], None, set()


class Host:
    """A network namespace with an address, and what runs in it."""

    def __init__(self, name, number):
        self.name, self.address = name, f"{NETWORK}{number}"
        self.space = f"{RUN}-{name}"
        self.process = None
        ip("netns", "add", self.space)
        link = f"{RUN}{number}"
        ip("link", "add", link, "netns", f"{RUN}-net", "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("-n", f"{RUN}-net", "link", "set", link, "master", "bridge", "up")
        ip("-n", self.space, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ["lo", "eth0"]:
            ip("-n", self.space, "link", "set", device, "up")

    def run(self, command, environment, folder):
        clean = {"PATH": os.environ["PATH"], **environment}
        log = open(folder / f"{self.name}.log", "w", encoding="utf-8")
        words = ["ip", "netns", "exec", self.space, *command]
        self.process = subprocess.Popen(words, env=clean, cwd=folder, stdout=log, stderr=log)

    def once(self, command, environment):
        words = ["ip", "netns", "exec", self.space, *command]
        return subprocess.run(words, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.process.kill()
            self.process.wait()
        subprocess.run(["ip", "netns", "delete", self.space], check=False)
        shutil.rmtree(f"/etc/netns/{self.space}", ignore_errors=True)


def ask(space, address, port, body=None):
    """A request of a neighbour: GET /health, or this action by POST."""
    script = (
        "import http.client,sys\n"
        "connection=http.client.HTTPConnection(sys.argv[1],int(sys.argv[2]),timeout=3)\n"
        "body=sys.argv[3]\n"
        "connection.request('POST' if body else 'GET','/' if body else '/health',body or None,{'Content-Type':'application/json'})\n"
        "print(connection.getresponse().read().decode())\n"
    )
    words = ["ip", "netns", "exec", space, sys.executable, "-c", script, address, str(port), json.dumps(body) if body else ""]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    with contextlib.suppress(json.JSONDecodeError):
        return json.loads(said.stdout)
    return {"status": f"no answer: {said.stderr.strip().splitlines()[-1:]}"}


def wait_for(what, look):
    end = time.monotonic() + DEADLINE
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def main():
    compose = yaml.safe_load((ROOT / "packaging/compose.yaml").read_text())
    image = Image(ROOT / "packaging/Dockerfile")
    services = compose["services"]
    registries = {name: service for name, service in services.items() if name != "redis"}
    print("compose.yaml and Dockerfile:")
    ports = sorted(port.rsplit(":", 1)[0] for service in registries.values() for port in service["ports"])
    wanted = [f"127.0.0.1:{port}" for port in (7100, 7101, 8100, 8101)]
    check("two instances are published to this host, on 7100/8100 and 7101/8101", ports == wanted, ports)
    inside = {port.rsplit(":", 1)[1] for service in registries.values() for port in service["ports"]}
    check("what is published is what the image exposes", inside == image.ports, (inside, image.ports))
    check("the Redis keeps what it is told", "--appendonly yes" in " ".join(services["redis"]["command"]))
    check("the image runs as a user without rights", image.user not in (None, "root", "0"), image.user)
    volumes = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    check("each volume is declared", volumes == set(compose["volumes"]), volumes)

    ip("netns", "add", f"{RUN}-net")
    hosts = {}
    with tempfile.TemporaryDirectory() as place:
        try:
            ip("-n", f"{RUN}-net", "link", "add", "bridge", "type", "bridge")
            ip("-n", f"{RUN}-net", "link", "set", "bridge", "up")
            run(services, image, hosts, pathlib.Path(place))
        finally:
            for host in hosts.values():
                host.stop()
            subprocess.run(["ip", "netns", "delete", f"{RUN}-net"], check=False)
    print(f"{len(failed)} failed" if failed else "all of it holds")
    return 1 if failed else 0


def run(services, image, hosts, place):
    for number, name in enumerate(services, 2):
        hosts[name] = Host(name, number)
    known = "127.0.0.1 localhost\n" + "".join(f"{host.address} {name}\n" for name, host in hosts.items())
    environments = {}
    for name, host in hosts.items():
        folder = pathlib.Path(f"/etc/netns/{host.space}")
        folder.mkdir(parents=True)
        (folder / "hosts").write_text(known)
        data = place / name
        data.mkdir()
        if name == "redis":
            # As in a container: reached by the others, and asked for no password.
            host.run([*services[name]["command"], "--bind", "*", "--protected-mode", "no", "--dir", str(data)], {}, data)
            continue
        environment = image.environment | services[name]["environment"]
        environment["SERVICE_REGISTRY_STATE_FILE"] = str(data / "state")
        environments[name] = environment
        host.run([str(BINARY), *image.entrypoint[1:]], environment, data)
    first, second = (hosts[name] for name in hosts if name != "redis")

    def healthy(host):
        return ask(first.space, host.address, 8100).get("status") == "ok"

    for host in (first, second):
        evidence = shlex.join(host.process.args)
        check(f"{host.name} is well, with its Redis", wait_for("health", lambda host=host: healthy(host)), evidence)
        checked = host.once([str(BINARY), *image.health[1:]], environments[host.name])
        check(f"{host.name}: its own health check says so", checked.returncode == 0, checked.stderr)
    registered = ask(
        first.space, first.address, 7100, {"action": "register_agent", "agent_id": "A", "host": "h", "port": 5000}
    )
    check("an agent registers with one", registered.get("status") == "success", registered)
    found = ask(second.space, second.address, 7100, {"action": "get_agent_endpoint", "agent_name": "A"})
    check("and is found at the other", found.get("port") == 5000, found)
    hosts["redis"].process.kill()
    degraded = wait_for("degraded", lambda: ask(first.space, second.address, 8100).get("status") == "degraded")
    check("without its Redis an instance says degraded", degraded)
    found = ask(second.space, second.address, 7100, {"action": "get_agent_endpoint", "agent_name": "A"})
    check("and goes on answering", found.get("port") == 5000, found)


sys.exit(main())
