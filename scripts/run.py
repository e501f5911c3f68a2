"""`make run`: everything on one machine, from an empty folder to a page to sign in to."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts import installation, keyfile, processes, services
from scripts.account import PlaceProblem
from scripts.binaries import NoBinaries
from scripts.children import Program
from scripts.installing import ROOT
from scripts.lock import AlreadyRunning, Lock
from scripts.ports import PortProblem
from scripts.services import ServiceProblem
from scripts.supervisor import StartProblem, StopRequested, Supervisor

_PROBLEMS = (
    AlreadyRunning,
    NoBinaries,
    PlaceProblem,
    PortProblem,
    ServiceProblem,
    StartProblem,
)


def main(arguments: list[str]) -> int:
    """Run until somebody asks us to stop. Returns the exit code."""
    if arguments:
        print("run takes no arguments; settings come from the environment.", file=sys.stderr)
        return 2
    run_dir = installation.run_dir()
    return guarded(run_dir, _run)


@contextmanager
def _written(run_dir: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Let manage.py in another terminal meet this installation as long as it runs."""
    path = run_dir / "env"
    keyfile.write(path, variables, "Of the running installation; manage.py reads it.")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def guarded(run_dir: Path, story: Callable[[Path, Supervisor], int]) -> int:
    """Tell a story with a lock and a supervisor around it; a problem becomes one sentence."""
    try:
        lock = Lock(run_dir)
    except AlreadyRunning as problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        with Supervisor() as supervisor:
            try:
                return story(run_dir, supervisor)
            except StopRequested:
                supervisor.say("Stopping ...")
                return 0
            except _PROBLEMS as problem:
                print(f"\n{problem}\n", file=sys.stderr, flush=True)
                return 1
    finally:
        lock.release()


def _run(run_dir: Path, supervisor: Supervisor) -> int:
    servers = services.choose(run_dir)
    variables = installation.compose(run_dir, servers.variables())
    mailcatcher = not installation.is_set("SMTP_URL")
    processes.require_ports(variables, mailcatcher=mailcatcher)
    with _written(run_dir, variables):
        services.start(servers, supervisor)
        password = installation.kept_secrets(run_dir)["ADMIN_PASSWORD"]
        password = prepare(supervisor, variables, password)
        for program in processes.programs(variables, mailcatcher=mailcatcher):
            supervisor.start(program)
        supervisor.wait_ready(within=120)
        supervisor.console.box(_welcome(variables, password, mailcatcher=mailcatcher))
        # Never on a configured database, nor to a mail server in the world.
        if servers.postgres and mailcatcher:
            _seed(supervisor, variables)
        supervisor.forever()
    return 0


def prepare(supervisor: Supervisor, variables: Mapping[str, str], password: str) -> str:
    """Bring the database up to date and make sure that somebody can sign in.

    Returns the password of the account `admin`, "" when it is not (or no longer) the one given.
    """
    answers = []

    def hears(line: str) -> bool:
        if line.startswith("admin: "):
            answers.append(line)
        return not line.startswith("admin: ")

    program = Program(
        "prepare",
        processes.manage("prepare", "--first-admin"),
        installation.process_environment(variables),
        once=True,
        stdin=password.encode(),
        hears=hears,
    )
    if supervisor.once(program) != 0:
        raise StartProblem("The database could not be prepared; the lines above say why.")
    return password if answers in (["admin: made"], ["admin: known"]) else ""


def _seed(supervisor: Supervisor, variables: Mapping[str, str]) -> None:
    if not (ROOT / "newsletter/management/commands/seed_demo.py").exists():
        return
    supervisor.start(
        Program(
            "demo",
            processes.manage("seed_demo", "--first-start"),
            installation.process_environment(variables),
            once=True,
        )
    )


def _welcome(variables: Mapping[str, str], password: str, *, mailcatcher: bool) -> list[str]:
    mail = (
        "caught: nothing leaves this machine (see Mail catcher in the admin)"
        if mailcatcher
        else "sent through the server in SMTP_URL"
    )
    return [
        "Broadsheet is running.",
        "",
        f"Address    {variables['PUBLIC_URL']}/admin/",
        *_login(password),
        f"Mail       {mail}",
        "",
        "Ctrl-C stops everything. What you enter is kept in",
        f"{variables['RUN_DIR']}",
    ]


def _login(password: str) -> list[str]:
    if not password:
        return ["Login      your own account"]
    return [f"Login      {installation.ADMIN}", f"Password   {password}"]
