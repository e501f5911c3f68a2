"""Copies of link targets on the disk are whole, or not there."""

import pytest

from tracking import copies
from tracking.copies import Copies

URLS = {3: "https://example.org/a", 4: 'https://example.org/?x=%C3%A9&y="'}


def test_what_was_kept_is_read(tmp_path):
    Copies(tmp_path / "links").keep(7, URLS)

    assert Copies(tmp_path / "links").read(7) == URLS
    assert Copies(tmp_path / "links").read(8) == {}


def test_later_links_are_added(tmp_path):
    ours = Copies(tmp_path)
    ours.keep(7, {3: URLS[3]})
    ours.keep(7, {4: URLS[4]})

    assert ours.read(7) == URLS


def test_what_is_known_is_not_written_again(tmp_path):
    ours = Copies(tmp_path)
    ours.keep(7, URLS)
    [path] = tmp_path.iterdir()
    before = path.stat().st_ino

    ours.keep(7, {3: URLS[3]})

    assert path.stat().st_ino == before


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": 1}', "\xff", '{"3": "https://exa'])
def test_a_broken_copy_is_none_and_is_made_anew(tmp_path, caplog, text):
    (tmp_path / "7.json").write_text(text, encoding="latin-1")
    ours = Copies(tmp_path)

    assert ours.read(7) == {}
    assert "campaign 7" in caplog.text

    ours.keep(7, URLS)
    assert ours.read(7) == URLS


def test_a_crash_while_writing_leaves_the_old_copy(tmp_path, monkeypatch):
    ours = Copies(tmp_path)
    ours.keep(7, {3: URLS[3]})

    with monkeypatch.context() as crash:
        crash.setattr(copies.os, "fsync", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ours.keep(7, URLS)

    assert ours.read(7) == {3: URLS[3]}
    ours.keep(7, URLS)
    assert ours.read(7) == URLS


def test_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "KEPT", 2)
    ours = Copies(tmp_path)
    for campaign_id in (9, 100, 20):
        ours.keep(campaign_id, URLS)
    (tmp_path / "something else").touch()

    ours.forget_oldest()

    assert [bool(ours.read(campaign_id)) for campaign_id in (9, 20, 100)] == [False, True, True]
    assert len(list(tmp_path.iterdir())) == 3
