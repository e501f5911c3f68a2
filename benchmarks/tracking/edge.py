"""How fast the edge answers: one process on one core, 64 connections that stay open.

Each request is an open with a signed token of its own and the headers of a browser, stored by group
commit in a Redis that writes to disk before it answers. The reference is nginx `empty_gif`,
likewise with one process on that core: it checks nothing and stores nothing. The load comes from
wrk on the other core.

nginx and wrk are Debian packages; without them this is left out, and said so.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from django.conf import settings

from benchmarks.report import Incomplete, Ratio
from benchmarks.tracking import serving
from benchmarks.tracking.agents import AGENTS
from benchmarks.tracking.place import own_stream
from benchmarks.tracking.serving import Server
from benchmarks.tracking.sizes import Sizes
from tracking import packs, spool, stream, tokens

CONNECTIONS = 64
SLOWEST = 10.0  # milliseconds, of 99 answers in 100
LOAD = """
local paths = {{}}
for path in io.lines("{paths}") do paths[#paths + 1] = path end
local i = {seed}
local headers = {{
  ["User-Agent"] = "{agent}", ["Accept"] = "image/*", ["Accept-Language"] = "en-GB,en;q=0.9",
  ["Accept-Encoding"] = "gzip, deflate",
}}
request = function() i = i % #paths + 1; return wrk.format("GET", paths[i], headers) end
"""


class Load(NamedTuple):
    """What wrk measured."""

    requests: int
    rate: float  # requests a second
    p50: float  # milliseconds
    p99: float  # milliseconds
    cpu: float  # microseconds of the server's processor time for each request


class Wrk(NamedTuple):
    """What makes the load."""

    program: str
    folder: Path  # with the addresses to ask for
    seconds: int


def measure(sizes: Sizes) -> list[Ratio]:
    """Load nginx and the edge in turn. Raises Incomplete when an answered hit is not stored."""
    wrk, nginx = shutil.which("wrk"), shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"])
    if not (wrk and nginx):
        print("LEFT OUT: the edge, because `wrk` and `nginx` are not both installed")
        return []
    with tempfile.TemporaryDirectory() as name, own_stream():
        folder = Path(name)
        folder.chmod(0o755)
        _write_paths(folder, sizes.tokens)
        with serving.nginx(nginx, folder) as reference, serving.edge(folder) as edge:
            return _race(Wrk(wrk, folder, sizes.seconds), reference, edge, sizes.rounds)


def _race(wrk: Wrk, reference: Server, edge: Server, rounds: int) -> list[Ratio]:
    theirs, ours = [], []
    for number in range(rounds):
        theirs.append(_load(wrk, number, reference))
        _watch_disk()
        ours.append(_load(wrk, number, edge))
        waited = _longest_wait()
        _wait_for_spool(wrk.folder)
        _check_stored(ours[-1].requests)
        _say("nginx empty_gif", theirs[-1])
        _say("edge", ours[-1])
        print(
            f"ratio {ours[-1].rate / theirs[-1].rate:.3f} (by processor time "
            f"{theirs[-1].cpu / ours[-1].cpu:.3f}); Redis waited for the disk {waited} at most",
            flush=True,
        )
    pairs = list(zip(ours, theirs, strict=True))
    return [
        Ratio(
            "edge, durable, against nginx empty_gif",
            f"{median(load.rate for load in ours):,.0f} hits/s",
            f"{median(load.rate for load in theirs):,.0f} hits/s",
            [our.rate / their.rate for our, their in pairs],
            aim=0.25,
        ),
        Ratio(
            "the same by processor time",
            f"{median(load.cpu for load in ours):.0f} us",
            f"{median(load.cpu for load in theirs):.0f} us",
            [their.cpu / our.cpu for our, their in pairs],
            aim=0.25,
        ),
        Ratio(
            f"99th answer of 100, against {SLOWEST:.0f} ms",
            f"{median(load.p99 for load in ours):.1f} ms",
            f"nginx {median(load.p99 for load in theirs):.1f} ms",
            [our.p99 / SLOWEST for our in ours],
            aim=1.0,
            at_most=True,
        ),
    ]


def _write_paths(folder: Path, count: int) -> None:
    lines = (f"/o/{tokens.sign_open(7, 1000 + person)}.gif" for person in range(count))
    (folder / "paths").write_text("\n".join(lines) + "\n")


def _load(wrk: Wrk, number: int, server: Server) -> Load:
    script = wrk.folder / f"load{number}.lua"
    paths = wrk.folder / "paths"
    script.write_text(LOAD.format(paths=paths, seed=number * 10_000, agent=AGENTS[0]))
    stream.client().delete(settings.TRACKING_STREAM)
    before = server.processor_seconds()
    output = subprocess.run(
        [
            *(wrk.program, "-t1", f"-c{CONNECTIONS}", f"-d{wrk.seconds}", "--latency"),
            *("-s", str(script), f"http://127.0.0.1:{server.port}"),
        ],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    ).stdout
    used = server.processor_seconds() - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise Incomplete(f"not every request was answered:\n{output}")
    requests = int(_found(r"(\d+) requests in", output))
    return Load(
        requests,
        float(_found(r"Requests/sec:\s+([\d.]+)", output)),
        _milliseconds(_found(r"(?m)^\s+50%\s+(\S+)$", output)),
        _milliseconds(_found(r"(?m)^\s+99%\s+(\S+)$", output)),
        used / requests * 1e6,
    )


def _watch_disk() -> None:
    """Let Redis note how long its writes take: no answer of the edge is quicker than one."""
    client: Any = stream.client()
    client.config_set("latency-monitor-threshold", 1)  # milliseconds
    client.execute_command("LATENCY", "RESET")


def _longest_wait() -> str:
    client: Any = stream.client()
    events = client.execute_command("LATENCY", "LATEST")
    client.config_set("latency-monitor-threshold", 0)
    waits = [event[3] for event in events if event[0].startswith(b"aof-")]
    return f"{max(waits)} ms" if waits else "1 ms"


def _wait_for_spool(folder: Path) -> None:
    """Let the edge hand on what it put on its disk when Redis waited too long for its own."""
    until = time.monotonic() + 20
    while not spool.is_empty(folder / "spool"):
        if time.monotonic() > until:
            raise Incomplete("hits stay on the edge's disk")
        time.sleep(0.1)


def _check_stored(requests: int) -> None:
    """Every answered request has to be in Redis; wrk leaves some unanswered when it ends."""
    stored: dict[Any, int] = {}  # by id: a pack whose answer was late is there twice
    last = "-"
    client: Any = stream.client()  # redis-py's types are those of every shape of answer
    while entries := client.xrange(settings.TRACKING_STREAM, min=last, count=1000):
        for _, fields in entries:
            pack_id, hits = packs.decode(fields[stream.FIELD])
            stored[pack_id] = len(hits)
        last = "(" + entries[-1][0].decode()
    found = sum(stored.values())
    if not requests <= found <= requests + CONNECTIONS:
        raise Incomplete(f"{requests} requests were answered and {found} hits stored")


def _say(name: str, load: Load) -> None:
    print(
        f"{name:16} {load.rate:9,.0f} requests/s   p50 {load.p50:5.2f} ms   "
        f"p99 {load.p99:5.2f} ms   {load.cpu:5.1f} us of processor each"
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise Incomplete(f"wrk did not say what was expected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)
