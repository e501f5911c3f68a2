"""Postfix's tools: the sink that takes everybody's mail, and the load generator we race."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.report import Incomplete
from scripts.ports import free_port

SESSIONS = 20  # of smtp-source, which is slower with more
FOLDERS = "/usr/sbin:/usr/local/sbin"  # where Postfix puts them, outside most PATHs


def is_here() -> bool:
    """Whether both tools are installed."""
    return all(_tool(name) for name in ("smtp-source", "smtp-sink"))


@contextmanager
def sinks(count: int) -> Iterator[list[int]]:
    """Run some mail servers that accept everything and keep nothing. Yields their ports."""
    # They refuse to run as root.
    account = ["-u", "nobody"] if os.getuid() == 0 else []
    ports: list[int] = []
    processes = []
    try:
        for _ in range(count):
            port = free_port()
            command = [_tool("smtp-sink"), *account, f"127.0.0.1:{port}", "1000"]
            processes.append(subprocess.Popen(command))
            _wait(port)
            ports.append(port)
        yield ports
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def race(port: int, mails: int, mail: bytes, *, keeps: bool) -> float:
    """Return the seconds that smtp-source takes to send one mail over and over.

    As it comes, each of its sessions is a connection for one mail; when it `keeps` them (-d), as we
    do, it takes half as long.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(mail.replace(b"\r\n", b"\n"))
        file.flush()
        command = [_tool("smtp-source"), *(["-d"] if keeps else [])]
        command += ["-s", str(SESSIONS), "-m", str(mails)]
        command += ["-F", file.name, "-f", "news@example.org", "-t", "reader@example.org"]
        start = time.perf_counter()
        subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
        return time.perf_counter() - start


def _tool(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{FOLDERS}") or ""


def _wait(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Incomplete("smtp-sink did not start")
