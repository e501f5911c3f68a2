"""Two hosts as network namespaces, each with a network of its own to the hub: this machine.

Needs root, and `ip` of iproute2.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HUB = "10.213.1.1"  # where both hosts find everything
_LINKS = {"a": ("10.213.1.1", "10.213.1.2"), "b": ("10.213.2.1", "10.213.2.2")}
ADDRESSES = tuple(hub for hub, _ in _LINKS.values())
IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")


class NoNamespaces(Exception):
    """Network namespaces can't be made here; the message says why."""


class Host:
    """One host. What runs on it is begun with `prefix`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._namespace = f"broadsheet-{name}"
        self._hub_side, self._host_side = f"bshub-{name}", f"bshost-{name}"
        self.prefix = (str(IP), "netns", "exec", self._namespace)

    def set_up(self) -> None:
        """Make the namespace, and the network between it and the hub. Raises NoNamespaces."""
        hub, ours = _LINKS[self.name]
        _ip("netns", "add", self._namespace)
        _ip("link", "add", self._hub_side, "type", "veth", "peer", "name", self._host_side)
        _ip("link", "set", self._host_side, "netns", self._namespace)
        _ip("addr", "add", f"{hub}/24", "dev", self._hub_side)
        _ip("-n", self._namespace, "addr", "add", f"{ours}/24", "dev", self._host_side)
        _ip("-n", self._namespace, "link", "set", "lo", "up")
        _ip("-n", self._namespace, "link", "set", self._host_side, "up")
        self.connect()

    def tear_down(self) -> None:
        """Remove what `set_up` has made, as far as it is there."""
        for what in (("link", "del", self._hub_side), ("netns", "del", self._namespace)):
            with suppress(NoNamespaces):
                _ip(*what)

    def connect(self) -> None:
        """Plug the cable in."""
        _ip("link", "set", self._hub_side, "up")
        _ip("-n", self._namespace, "route", "replace", "default", "via", _LINKS[self.name][0])

    def disconnect(self) -> None:
        """Pull the cable: nothing is heard from it any more, not even that a connection ended."""
        _ip("link", "set", self._hub_side, "down")


@contextmanager
def hosts() -> Iterator[list[Host]]:
    """Make two hosts, and remove them again. Raises NoNamespaces."""
    made = [Host(name) for name in _LINKS]
    for host in made:
        host.tear_down()  # what an earlier trial left that was killed
    try:
        for host in made:
            host.set_up()
        yield made
    finally:
        for host in made:
            host.tear_down()


def _ip(*arguments: str) -> None:
    if IP is None:
        raise NoNamespaces("there is no `ip` (Debian package iproute2)")
    done = subprocess.run([IP, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"`ip {' '.join(arguments)}` says {done.stderr.strip()}")
