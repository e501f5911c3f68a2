"""The edge and its reference as they run under load: each with one process on one core."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder};
  proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location / {{ empty_gif; }} }}
}}
"""
SERVERS_CORE = 0


class Server(NamedTuple):
    """What answers."""

    port: int
    process: int  # that answers

    def processor_seconds(self) -> float:
        """Return how long the process has kept a processor busy."""
        stat = Path(f"/proc/{self.process}/stat").read_text()
        fields = stat.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nginx(program: str, folder: Path) -> Iterator[Server]:
    """Run nginx, which checks nothing and stores nothing."""
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))
    with _running([program, "-c", str(configuration)], port) as server:
        yield server


@contextmanager
def edge(folder: Path) -> Iterator[Server]:
    """Run the edge as the product does, on the stream that the settings name."""
    port = _free_port()
    variables = {
        "EDGE_PORT": str(port),
        "EDGE_WORKERS": "1",
        "RUN_DIR": str(folder),
        "TRACKING_STREAM": settings.TRACKING_STREAM,
        "TRACKING_STREAM_LIMIT": "8000",
    }
    with _running([sys.executable, "manage.py", "edge"], port, variables) as server:
        yield server


@contextmanager
def _running(
    command: list[str], port: int, variables: dict[str, str] | None = None
) -> Iterator[Server]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVERS_CORE}),  # children inherit it
    )
    try:
        for _ in range(400):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        time.sleep(1)
        yield Server(port, _worker(process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _worker(process: subprocess.Popen[bytes]) -> int:
    """Return the process that serves: the youngest child."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[-1])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])
