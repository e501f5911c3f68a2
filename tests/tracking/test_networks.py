"""Whose network an address lies in, and the operator's own lists."""

import pytest
from django.core.management import CommandError, call_command

from tracking.classify import networks
from tracking.classify.networks import BadList, Network, Networks, read_list


def listed(*lines: str) -> Networks:
    return Networks(read_list("a.txt", "\n".join(lines)))


def test_the_narrower_range_is_believed():
    known = listed("203.0.0.0/16 wide scanner certain", "203.0.113.0/24 narrow relay certain")

    assert known.find("203.0.113.0") == Network("narrow", "relay", True)
    assert known.find("203.0.112.0") == Network("wide", "scanner", True)
    assert known.find("198.51.100.0") is None


def test_a_range_inside_what_is_kept_of_an_address_is_only_probable():
    """Of 203.0.113.7 only 203.0.113.0 is kept, so the range speaks for its neighbours as well."""
    known = listed("203.0.113.128/25 half scanner certain", "2001:db8:1:2::/64 few scanner certain")

    assert known.find("203.0.113.0") == Network("half", "scanner", False)
    assert known.find("2001:db8:1::") == Network("few", "scanner", False)


@pytest.mark.parametrize("network", ["", "unix", "203.0.113", "::"])
def test_of_others_nothing_is_known(network):
    assert listed("203.0.113.0/24 a scanner certain").find(network) is None


def test_apples_own_list_is_read():
    known = listed("172.224.226.0/27,GB,GB-ENG,London,", "2a02:26f7:c::/64,DE,DE-BE,Berlin,")

    assert known.find("172.224.226.0") == Network("apple", "relay", False)
    assert known.find("2a02:26f7:c::") == Network("apple", "relay", False)


def test_words_may_be_parted_by_commas_and_comments_are_passed_over():
    known = listed("# ours", "", "203.0.113.0/24, us, scanner  # the gateway")

    assert known.find("203.0.113.0") == Network("us", "scanner", False)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("203.0.113.0/33 a scanner certain", "no network"),
        ("0.0.0.0/0 a scanner certain", "too wide"),
        ("203.0.113.0/24 a gateway certain", "scope 'gateway'"),
        ("203.0.113.0/24 a scanner sure", "certainty 'sure'"),
        ("203.0.113.0/24", "expected"),
    ],
)
def test_a_bad_line_is_named(line, complaint):
    with pytest.raises(BadList, match=f"line 2: .*{complaint}"):
        listed("198.51.100.0/24 a scanner certain", line)


@pytest.mark.parametrize(
    ("network", "label", "scope"),
    [
        ("40.107.5.0", "microsoft", "clicks"),
        ("104.47.17.0", "microsoft", "clicks"),
        ("66.249.84.0", "google", "proxy"),
        ("209.222.82.0", "barracuda", "scanner"),
    ],
)
def test_some_networks_are_known_from_the_start(network, label, scope):
    assert networks.load().find(network)[:2] == (label, scope)


def test_a_list_is_checked_and_used_from_then_on(settings, tmp_path, capsys):
    settings.TRACKING_NETWORKS = tmp_path / "networks"
    file = tmp_path / "ours.txt"
    file.write_text("203.0.113.0/24 ours scanner certain\n")

    call_command("refresh_networks", str(file))

    assert networks.load().find("203.0.113.0") == Network("ours", "scanner", True)
    assert capsys.readouterr().out == "ours.txt: 1 networks\n"


def test_nothing_is_installed_when_one_list_is_bad(settings, tmp_path):
    settings.TRACKING_NETWORKS = tmp_path / "networks"
    good, bad = tmp_path / "good.txt", tmp_path / "bad.csv"
    good.write_text("203.0.113.0/24 ours scanner certain\n")
    bad.write_text("203.0.113.0/24 ours\n")

    with pytest.raises(CommandError, match=r"bad\.csv, line 1: expected"):
        call_command("refresh_networks", str(good), str(bad))

    assert networks.load().find("203.0.113.0") is None


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.json", b"{}", "ends in"),
        ("a.txt", b"# nothing\n", "holds no network"),
        ("a.txt", b"\xff\xfe", "no text"),
        ("a.txt", None, "No such file"),
    ],
)
def test_what_is_no_list_is_refused(settings, tmp_path, name, content, complaint):
    settings.TRACKING_NETWORKS = tmp_path / "networks"
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandError, match=complaint):
        call_command("refresh_networks", str(file))


def test_a_broken_list_in_the_folder_is_not_passed_over(settings, tmp_path):
    settings.TRACKING_NETWORKS = tmp_path
    (tmp_path / "ours.txt").write_text("nonsense\n")

    with pytest.raises(BadList, match=r"ours\.txt, line 1"):
        networks.load()
