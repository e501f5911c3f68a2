"""Which country a network lies in: by the operator's database, whoever has published it."""

import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.tracking import mmdb
from tracking import countries
from tracking.countries import HIDDEN, UNKNOWN, code_of, name, number

RECORDS = {
    "192.0.2.0/24": {"country_code": "FR"},
    "198.51.100.0/24": {"country": {"iso_code": "GB", "names": {"en": "United Kingdom"}}},
    "203.0.113.0/24": {"country": "DE"},
    "2001:db8::/32": {"country_code": "IE"},
    "233.252.0.0/24": {"continent": {"code": "EU"}},
}


@pytest.fixture
def database(settings, tmp_path):
    settings.TRACKING_COUNTRIES = tmp_path / "countries.mmdb"
    return mmdb.write(settings.TRACKING_COUNTRIES, RECORDS)


@pytest.mark.parametrize(
    ("network", "country"),
    [
        ("192.0.2.0", "FR"),
        ("198.51.100.0", "GB"),
        ("203.0.113.0", "DE"),
        ("2001:db8:7::", "IE"),
        ("233.252.0.0", ""),
        ("10.0.0.0", ""),
        ("", ""),
        ("\\N", ""),
    ],
)
def test_networks_lie_in_the_country_that_the_database_says(database, network, country):
    assert code_of(countries.load()[network]) == country


def test_without_a_database_no_country_is_known(settings, tmp_path):
    settings.TRACKING_COUNTRIES = tmp_path / "none.mmdb"

    assert countries.load()["192.0.2.0"] == UNKNOWN
    assert not countries.is_installed()


def test_a_damaged_database_is_said_and_holds_up_nothing(settings, tmp_path, caplog):
    settings.TRACKING_COUNTRIES = tmp_path / "countries.mmdb"
    settings.TRACKING_COUNTRIES.write_bytes(b"no database")

    with caplog.at_level(logging.ERROR):
        found = countries.load()["192.0.2.0"]

    assert found == UNKNOWN
    assert "countries.mmdb" in caplog.text


def test_a_country_is_a_number_and_back():
    assert [code_of(number(code)) for code in ("AA", "gb", "ZZ")] == ["AA", "GB", "ZZ"]
    assert {number(code) for code in ("", "G", "GBR", "G1", "éa")} == {UNKNOWN}
    assert number("ZZ") < 2**15
    assert number("AA") > HIDDEN


def test_countries_have_names():
    assert name(number("CI")) == "Côte d’Ivoire"
    assert name(number("QQ")) == "QQ"
    assert name(UNKNOWN) == "Not known"
    assert name(HIDDEN) == "Behind a mail service"


def test_the_command_installs_a_database(settings, tmp_path):
    settings.TRACKING_COUNTRIES = tmp_path / "run" / "countries.mmdb"
    fresh = mmdb.write(tmp_path / "new.mmdb", RECORDS)
    output = StringIO()

    call_command("refresh_countries", str(fresh), stdout=output)

    assert "Test-Country, made on 2026-09-21" in output.getvalue()
    assert countries.is_installed()
    assert code_of(countries.load()["192.0.2.0"]) == "FR"


def test_the_command_refuses_what_says_no_country(settings, tmp_path, database):
    others = {
        "text.mmdb": b"country,code",
        "cities.mmdb": mmdb.write(tmp_path / "x", {"192.0.2.0/24": {"asn": "64500"}}).read_bytes(),
    }
    for file, content in others.items():
        (tmp_path / file).write_bytes(content)

        with pytest.raises(CommandError, match=file):
            call_command("refresh_countries", str(tmp_path / file))
    with pytest.raises(CommandError, match="missing"):
        call_command("refresh_countries", str(tmp_path / "missing.mmdb"))

    assert code_of(countries.load()["192.0.2.0"]) == "FR"


def test_no_more_is_remembered_than_there_is_room_for(database, monkeypatch):
    monkeypatch.setattr(countries, "_MOST", 3)
    known = countries.load()

    found = [code_of(known[network[:-3]]) for network in [*RECORDS][:3] * 2]
    elsewhere = known["10.0.0.0"]

    assert found == ["FR", "GB", "DE"] * 2
    assert elsewhere == UNKNOWN
    assert len(known) == 1
