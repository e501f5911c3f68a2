"""`make manage ARGS="..."`: a manage.py command on this installation, running or not."""

import os
from pathlib import Path

from scripts import installation, processes, services
from scripts.lock import is_running
from scripts.run import guarded, prepare
from scripts.supervisor import Supervisor


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; servers are started for it if none run."""
    run_dir = installation.run_dir()
    command = processes.manage(*arguments)
    if is_running(run_dir) or (
        installation.is_set("DATABASE_URL") and installation.is_set("SECRET_KEY")
    ):
        os.execv(command[0], command)

    def story(run_dir: Path, supervisor: Supervisor) -> int:
        supervisor.console.step_aside()
        servers = services.choose(run_dir)
        variables = installation.compose(run_dir, servers.variables())
        services.start(servers, supervisor)
        if servers.fresh:
            prepare(supervisor, variables, installation.kept_secrets(run_dir)["ADMIN_PASSWORD"])
        return supervisor.foreground(command, installation.process_environment(variables))

    return guarded(run_dir, story)
