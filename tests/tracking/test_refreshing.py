"""What comes from the operator's files is read again when these change, and never half."""

import logging
from pathlib import Path

import pytest
from django.core.management import call_command

from tracking import judging, refreshing
from tracking.refreshing import Fresh


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder that is read."""
    (tmp_path / "a.txt").write_text("1")
    return tmp_path


@pytest.fixture
def fresh(folder, monkeypatch) -> Fresh[int]:
    """The sum of the numbers in the folder's files."""
    monkeypatch.setattr(refreshing, "_all", [])
    return Fresh(
        "numbers", lambda: sum(int(f.read_text()) for f in folder.iterdir()), lambda: [folder]
    )


def test_what_changed_is_read_again(fresh, folder):
    assert fresh.get() == 1

    (folder / "b.txt").write_text("20")

    assert fresh.get() == 1
    assert fresh.look()
    assert fresh.get() == 21


def test_what_did_not_change_is_not_read_again(fresh):
    fresh.get()

    assert not fresh.look()


def test_what_nobody_used_yet_is_not_read(fresh, folder):
    (folder / "b.txt").write_text("20")

    assert not fresh.look()


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_files_that_are_replaced_or_go_are_seen(fresh, folder, change):
    (folder / "b.txt").write_text("20")
    fresh.get()

    if change == "replaced":
        (folder / ".new").write_text("30")
        (folder / ".new").replace(folder / "b.txt")
    else:
        (folder / "b.txt").unlink()

    assert fresh.look()
    assert fresh.get() == (31 if change == "replaced" else 1)


def test_a_bad_file_leaves_what_was_known_and_is_said_once(fresh, folder, caplog):
    fresh.get()
    (folder / "b.txt").write_text("no number")

    with caplog.at_level(logging.ERROR):
        assert not fresh.look()
        assert not fresh.look()

    assert fresh.get() == 1
    assert len(caplog.records) == 1


def test_files_are_looked_at_once_a_minute(fresh, folder, monkeypatch):
    clock = 1000.0
    monkeypatch.setattr(refreshing.time, "monotonic", lambda: clock)
    monkeypatch.setattr(refreshing, "_looked_at", 0.0)
    fresh.get()
    refreshing.look_again()
    (folder / "b.txt").write_text("20")

    clock += refreshing.EVERY - 1
    refreshing.look_again()
    before = fresh.get()
    clock += 2
    refreshing.look_again()

    assert (before, fresh.get()) == (1, 21)


def test_new_lists_of_networks_are_used_without_a_restart(settings, tmp_path, monkeypatch):
    settings.TRACKING_NETWORKS = tmp_path / "networks"
    lists = Fresh("lists", judging.networks.load, lambda: [tmp_path / "networks"])
    monkeypatch.setattr(judging, "_lists", lists)
    source = tmp_path / "ours.txt"
    source.write_text("203.0.113.0/24 gateway scanner certain\n")
    assert judging.known_networks().find("203.0.113.0") is None

    call_command("refresh_networks", str(source), verbosity=0)
    lists.look()

    known = judging.known_networks().find("203.0.113.0")
    assert known is not None and known.label == "gateway"
