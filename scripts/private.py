"""Servers for one command, on data that is thrown away: what the tests and benchmarks run on."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts import services
from scripts.installation import compose, process_environment
from scripts.run import guarded
from scripts.supervisor import Supervisor


def with_servers(story: Callable[[Mapping[str, str], Supervisor], int], *, durable: bool) -> int:
    """Tell a story in the environment of a new installation, with servers that are running.

    DATABASE_URL and REDIS_URL are used if the user has set them. `durable` keeps PostgreSQL's
    guarantees (and their cost), for measurements.
    """
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the servers' account passes through

    def inner(run_dir: Path, supervisor: Supervisor) -> int:
        servers = services.choose(run_dir, durable=durable)
        services.start(servers, supervisor)
        return story(process_environment(compose(run_dir, servers.urls)), supervisor)

    try:
        return guarded(folder, inner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
