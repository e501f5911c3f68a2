"""The spool loses nothing that it took, whoever dies when."""

import os
import signal
from multiprocessing import get_context

import pytest

from tracking import spool


def replayed(folder):
    found = []
    spool.replay(folder, found.extend)
    return found


def test_packs_come_back_in_their_order(tmp_path):
    ours = spool.Spool(tmp_path / "spool")
    packs = [b"pack %d" % number * (number % 60) for number in range(1000)]
    for pack in packs:
        ours.append([pack])
    ours.seal()

    assert replayed(tmp_path / "spool") == packs
    assert spool.is_empty(tmp_path / "spool")


def test_files_come_back_in_the_order_of_their_beginning(tmp_path):
    first, second = spool.Spool(tmp_path), spool.Spool(tmp_path)
    first.append([b"1"])
    second.append([b"2"])
    first.seal()
    first.append([b"3"])
    for file in (second, first):
        file.seal()

    assert replayed(tmp_path) == [b"1", b"2", b"3"]


def test_the_file_of_a_living_process_is_left_alone(tmp_path):
    ours = spool.Spool(tmp_path)
    ours.append([b"1"])

    assert replayed(tmp_path) == []
    assert not spool.is_empty(tmp_path)
    ours.seal()


def write_and_die(folder):
    spool.Spool(folder).append([b"1", b"2"])
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_file_of_a_dead_process_is_replayed(tmp_path):
    process = get_context("spawn").Process(target=write_and_die, args=(tmp_path,))
    process.start()
    process.join()

    assert replayed(tmp_path) == [b"1", b"2"]


def test_a_replay_that_fails_begins_again(tmp_path):
    ours = spool.Spool(tmp_path)
    ours.append([b"1", b"2"])
    ours.seal()

    with pytest.raises(ConnectionError):
        spool.replay(tmp_path, lambda packs: (_ for _ in ()).throw(ConnectionError))

    assert replayed(tmp_path) == [b"1", b"2"]


@pytest.mark.parametrize("cut", [1, 4, 9, 11])
def test_a_torn_end_costs_nothing_before_it(tmp_path, cut):
    ours = spool.Spool(tmp_path)
    ours.append([b"whole", b"torn"])
    ours.seal()
    [file] = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes()[:-cut])

    assert replayed(tmp_path) == [b"whole"]
    assert spool.is_empty(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".torn"]


def test_damage_is_not_handed_on(tmp_path):
    ours = spool.Spool(tmp_path)
    ours.append([b"first", b"second"])
    ours.seal()
    [file] = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b"second", b"sEcond"))

    assert replayed(tmp_path) == [b"first"]


def test_a_disk_that_is_full_says_so_and_spoils_nothing(tmp_path, monkeypatch):
    ours = spool.Spool(tmp_path)
    ours.append([b"before"])
    with monkeypatch.context() as full:
        full.setattr(spool.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            ours.append([b"refused"])
    ours.append([b"after"])
    ours.seal()

    # The refused one may be there: what its readers were told does not depend on it.
    assert [pack for pack in replayed(tmp_path) if pack != b"refused"] == [b"before", b"after"]


def test_a_missing_folder_is_an_empty_spool(tmp_path):
    assert replayed(tmp_path / "never made") == []
    assert spool.is_empty(tmp_path / "never made")


def test_a_replay_that_is_cut_off_each_time_comes_to_its_end(tmp_path, monkeypatch):
    """A stream that is nearly full takes a little at a time: of one large file, always the same."""
    monkeypatch.setattr(spool, "LARGEST_FILE", 10_000)
    monkeypatch.setattr(spool, "REPLAY_CHUNK", 1)
    ours = spool.Spool(tmp_path)
    packs = [b"%d" % number * 100 for number in range(900)]
    for pack in packs:
        ours.append([pack])
    ours.seal()
    taken = []

    def take(chunk):
        nonlocal room
        if not room:
            raise ConnectionError
        room -= 1
        taken.extend(chunk)

    for _ in range(100):
        room = 60
        try:
            spool.replay(tmp_path, take)
        except ConnectionError:
            continue
        break

    assert spool.is_empty(tmp_path)
    assert list(dict.fromkeys(taken)) == packs
