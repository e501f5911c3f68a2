"""The processes of Broadsheet as the launcher starts them: manage.py web, edge, worker, ...

The same commands stand in deploy/; only how their readiness is seen is the launcher's own.
"""

import http.client
import socket
import sys
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from scripts.children import Program
from scripts.installation import process_environment, setting
from scripts.installing import ROOT
from scripts.ports import PortProblem, require_free

_LISTENERS = (("web", "WEB"), ("edge", "EDGE"), ("mailcatcher", "MAILCATCHER"))


def manage(*arguments: str) -> list[str]:
    """Return the command line of a manage.py command."""
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def require_ports(variables: Mapping[str, str], *, mailcatcher: bool) -> None:
    """Raise PortProblem for the first port that somebody else has."""
    taken: dict[int, str] = {}
    for name, prefix in _LISTENERS:
        if name != "mailcatcher" or mailcatcher:
            host, port = _address(variables, prefix)
            if port in taken:
                raise PortProblem(f"{taken[port]} and {prefix}_PORT are both {port}: change one.")
            taken[port] = f"{prefix}_PORT"
            require_free(f"{prefix}_PORT", host, port)


def programs(variables: Mapping[str, str], *, mailcatcher: bool) -> list[Program]:
    """Return every process of this installation."""
    environment = process_environment(variables)
    web, edge = _address(variables, "WEB"), _address(variables, "EDGE")
    mails = _address(variables, "MAILCATCHER")
    # Stopped first what takes in work, then what does it, then what it needs for that.
    everything = [
        Program("web", manage("web"), environment, _answers_http(*web, variables["PUBLIC_URL"])),
        Program("edge", manage("edge"), environment, _answers_http(*edge, variables["PUBLIC_URL"])),
        Program("beat", manage("beat"), environment),
        Program("worker", manage("worker"), environment, stop_order=1, stop_within=30),
        Program("ingest", manage("ingest"), environment, stop_order=2),
    ]
    if mailcatcher:
        catcher = Program(
            "mailcatcher", manage("mailcatcher"), environment, _greets(*mails), stop_order=2
        )
        everything.append(catcher)
    return everything


def _address(variables: Mapping[str, str], prefix: str) -> tuple[str, int]:
    text = setting(variables, f"{prefix}_PORT")
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise PortProblem(f"{prefix}_PORT={text}: a port is a number from 1 to 65535.")
    return setting(variables, f"{prefix}_HOST"), int(text)


def _reachable(host: str) -> str:
    """Return where a server that listens on all interfaces is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _answers_http(host: str, port: int, public_url: str) -> Callable[[int], bool]:
    # Asked for by its public name: another one is refused, and the refusal logged.
    headers = {"Host": urlsplit(public_url).netloc}

    def ready(_pid: int) -> bool:
        connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
        try:
            connection.request("HEAD", "/", headers=headers)
            # Any answer will do: that there is one means that the application was loaded.
            return connection.getresponse().status < 600
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready


def _greets(host: str, port: int) -> Callable[[int], bool]:
    def ready(_pid: int) -> bool:
        try:
            with socket.create_connection((_reachable(host), port), timeout=2) as connection:
                greeted = connection.recv(3) == b"220"
                connection.sendall(b"QUIT\r\n")
        except OSError:
            return False
        return greeted

    return ready
