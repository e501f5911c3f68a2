"""Hits in a file are judged, in any shape and order."""

import json
import random

import pytest
from django.core.management import CommandError, call_command

from tests.simulator.campaign import simulate
from tracking.classify import bulk
from tracking.classify.lines import BadLine, read_line
from tracking.classify.verdicts import CANARY, CLICK, OPEN

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/150.0.0.0 Safari/537.36"
)
CLICKED = {
    "id": 1,
    "at": "2026-07-01T12:00:00Z",
    "kind": "click",
    "method": "GET",
    "campaign": 7,
    "subscriber": 42,
    "link": 3,
    "sent_at": "2026-07-01T10:00:00Z",
    "ip": "203.0.113.9",
    "user_agent": CHROME,
    "headers": {"Accept-Language": "en", "Sec-Fetch-Mode": "navigate"},
}


def read(**differences):
    return read_line(json.dumps({**CLICKED, **differences}), 1)[1]


@pytest.fixture
def classify(tmp_path, capsys):
    """Judge lines; return what is printed, parsed."""

    def run(*lines) -> list[dict]:
        file = tmp_path / "hits.jsonl"
        file.write_text(
            "".join(f"{line if type(line) is str else json.dumps(line)}\n" for line in lines)
        )
        call_command("classify_hits", str(file))
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_each_hit_gets_a_verdict_with_its_reason_in_the_order_of_the_file(classify):
    answers = classify(
        {**CLICKED, "id": "b", "at": "2026-07-03T12:00:00Z"},
        {**CLICKED, "id": 2, "kind": "open", "link": None, "user_agent": "Mozilla/5.0"},
        {**CLICKED, "id": 1.5, "method": "HEAD", "subscriber": 9},
    )

    assert answers == [
        {"id": "b", "verdict": "human", "reason": "agent:browser"},
        {"id": 2, "verdict": "privacy_prefetch", "reason": "agent:apple-prefetch"},
        {"id": 1.5, "verdict": "scanner", "reason": "method:head"},
    ]


def test_bad_lines_are_named_and_the_others_judged(tmp_path, capsys):
    file = tmp_path / "hits.jsonl"
    lines = [json.dumps(CLICKED), "nonsense", "", '{"id": 3, "kind": "click", "at": "noon"}', "[]"]
    file.write_text("\n".join([*lines, '{"kind": "click"}', '{"id": 4, "kind": "fax"}']))

    with pytest.raises(CommandError, match="5 lines could not be read") as error:
        call_command("classify_hits", str(file))

    told = capsys.readouterr()
    assert error.value.returncode == 1
    assert json.loads(told.out)["id"] == 1
    assert [line.split(":")[:2] for line in told.err.splitlines()] == [
        ["line 2", " not JSON"],
        ["line 4", " at"],
        ["line 5", " not a JSON object"],
        ["line 6", " id"],
        ["line 7", " kind"],
    ]


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("classify_hits", str(tmp_path / "none.jsonl"))


def test_an_empty_file_is_no_mistake(classify):
    assert classify() == []


@pytest.mark.parametrize(
    "at",
    [
        "2026-07-01T12:00:00Z",
        "2026-07-01T12:00:00",
        "2026-07-01 12:00:00 UTC",
        "2026-07-01T14:00:00.000+02:00",
        1_782_907_200,
        1_782_907_200.0,
        1_782_907_200_000,
        1_782_907_200_000_000,
        "1782907200",
        "1782907200000",
    ],
)
def test_times_are_read_in_many_shapes(at):
    hit = read(at=at)

    assert (hit.at, hit.since_sent) == (1_782_907_200.0, 7_200.0)


def test_the_hand_over_may_be_unknown():
    assert read(sent_at=None).since_sent is None


@pytest.mark.parametrize("at", ["noon", [], {}, 1e999, "Infinity", float("nan")])
def test_what_is_no_time_is_named(at):
    with pytest.raises(BadLine, match=r"^at: "):
        read(at=at)


@pytest.mark.parametrize(
    "headers",
    [
        {"ACCEPT-LANGUAGE": "en", "Sec-Fetch-Mode": "navigate"},
        {"accept-language": ["en"], "sec-fetch-mode": ["navigate"], "x": None},
        [["Accept-Language", "en"], ["Sec-Fetch-Mode", "navigate"]],
        ["Accept-Language: en", "Sec-Fetch-Mode: navigate"],
    ],
)
def test_headers_are_read_in_many_shapes(headers):
    assert read(headers=headers).marks == {"language": True, "mode": "navigate"}


def test_headers_may_be_names_only():
    assert read(headers=["Accept-Language", "Sec-Fetch-Mode"]).marks == {
        "language": True,
        "mode": True,
    }


def test_no_headers_and_unknown_headers_differ():
    assert read(headers={}).marks == {}
    assert read(headers=None).marks == {"unknown": True}


@pytest.mark.parametrize("headers", [7, "Accept: */*", [7], [["a", "b", "c"]]])
def test_what_are_no_headers_is_named(headers):
    with pytest.raises(BadLine, match=r"^headers: "):
        read(headers=headers)


@pytest.mark.parametrize(
    ("differences", "kind"),
    [
        ({"kind": "open"}, OPEN),
        ({"kind": "Click"}, CLICK),
        ({"kind": 2}, CLICK),
        ({"kind": "canary"}, CANARY),
        ({"kind": "CANARY"}, CANARY),
        ({"kind": "email.opened"}, OPEN),
        ({"kind": "link_click"}, CLICK),
        ({"kind": 2.0}, CLICK),
        ({"link": 0}, CLICK),  # links may be counted from 0
        ({"link": "canary"}, CANARY),
        ({"link": "honeypot"}, CANARY),
        ({"canary": True}, CANARY),
        ({"canary": False}, CLICK),
        ({"link": None}, CLICK),
        ({"link": "https://example.com/"}, CLICK),
    ],
)
def test_kinds_and_the_hidden_link_are_told(differences, kind):
    assert read(**differences).kind == kind


def test_ids_may_be_numbers_or_names():
    assert read(subscriber="42") == read(subscriber=42)
    assert read(subscriber="anna").subscriber == read(subscriber="anna").subscriber
    assert read(subscriber="anna").subscriber != read(subscriber="berta").subscriber
    assert read(subscriber=None).subscriber == read(subscriber="").subscriber == 0
    with pytest.raises(BadLine, match=r"^campaign: "):
        read(campaign={})


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("203.0.113.9:4711", "203.0.113.0"),
        ("203.0.113.0/24", "203.0.113.0"),
        ("[2001:db8::7]:80", "2001:db8::"),
        ("2001:db8::7", "2001:db8::"),
        ("", ""),
        (None, ""),
        ("elsewhere", ""),
    ],
)
def test_of_an_address_only_the_network_is_read(ip, network):
    assert read(ip=ip).network == network


def test_the_agent_may_stand_among_the_headers():
    assert read(user_agent=None, headers={"User-Agent": "curl/8"}).user_agent == "curl/8"


def test_texts_that_are_no_unicode_and_deep_lines_do_not_stop_it(classify, capsys):
    assert classify({**CLICKED, "subscriber": "\ud800", "id": "\ud800"})[0]["id"] == "\ud800"
    with pytest.raises(BadLine, match="not JSON"):
        read_line("[" * 100_000, 1)


def test_an_old_protocol_is_read():
    assert read(headers={}, http_version="HTTP/1.0").marks == {"http": "1.0"}


def test_hits_without_a_time_are_judged_by_themselves(classify):
    """Else all of them would have come at the same moment: a burst."""
    hits = [{**CLICKED, "id": n, "link": n, "at": None} for n in range(1, 9)]

    assert {answer["verdict"] for answer in classify(*hits)} == {"human"}


def test_a_large_file_in_any_order_is_judged_as_a_small_one(classify, monkeypatch):
    hits = simulate(5, size=400).hits
    random.Random(5).shuffle(hits)
    whole = classify(*hits)

    monkeypatch.setattr(bulk, "RUN", 500)
    in_slabs = classify(*hits)

    assert [answer["id"] for answer in in_slabs] == [hit["id"] for hit in hits]
    same = sum(
        one["verdict"] == other["verdict"] for one, other in zip(whole, in_slabs, strict=True)
    )
    assert same > 0.95 * len(hits)
