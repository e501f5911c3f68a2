"""Ports on this machine: which are free, and what to say about one that isn't."""

import errno
import os
import socket


class PortProblem(Exception):
    """A port that we need can't be had; the message says which one and what to do."""


def free_port(wish: int | None = None) -> int:
    """Return `wish` if that port is free on the loopback interface, else one that is."""
    if wish and not _refusal("127.0.0.1", wish):
        return wish
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def require_free(variable: str, host: str, port: int) -> None:
    """Raise PortProblem, naming the variable that chooses another, unless `port` can be had."""
    refusal = _refusal(host, port)
    if refusal == errno.EADDRINUSE:
        reason = "is in use by another program"
    elif refusal == errno.EACCES:
        reason = "is only for root"
    elif refusal:
        raise PortProblem(f"{variable}: can't listen on {host}:{port} ({_text(refusal)}).")
    else:
        return
    other = port + 100 if port >= 1024 and port < 65000 else 8080
    raise PortProblem(
        f"{variable}: port {port} {reason}. Choose another one: make run {variable}={other}"
    )


def _refusal(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # As the servers do: a connection that is still fading out does not hold a port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            # Another listener with SO_REUSEPORT lets us bind; listening tells.
            listener.listen(1)
        except OSError as error:
            return error.errno or errno.EINVAL
    return 0


def _text(code: int) -> str:
    return os.strerror(code)
