"""Downloads: every table in every form, and people only for who may see them."""

import csv
import io
import re

import pyarrow.parquet as pa_parquet
import pytest
from django.urls import reverse

from newsletter.admin.exports import PEOPLE
from newsletter.exporting import FORMS, TABLES, WORDS
from tests.admin.conftest import PAYLOAD
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign
from tests.tracking import makers
from tests.tracking.makers import opened

pytestmark = pytest.mark.django_db

SEE = "newsletter.view_campaign"


def url(campaign, table="events", form="csv") -> str:
    return reverse("admin:newsletter_campaign_export", args=[campaign.pk, table, form])


def content(response) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def read(response) -> list[dict]:
    text = content(response).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def campaign(sent_campaign, reader, settings):
    settings.TRACKING_DEFAULT = "individual"
    makers.store([opened(reader.pk, campaign=sent_campaign.pk)])
    return sent_campaign


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("table", TABLES)
def test_every_table_in_every_form(admin_client, campaign, table, form):
    one = admin_client.get(url(campaign, table, form))
    every = admin_client.get(reverse("admin:newsletter_campaign_export_all", args=[table, form]))

    for response in (one, every):
        data = content(response)
        names = [column.name for column in TABLES[table].columns]
        if form == "parquet":
            assert pa_parquet.read_table(io.BytesIO(data)).column_names == names
        else:
            assert data.decode("utf-8-sig").partition("\r\n")[0].split(",") == names
            assert data.startswith(b"\xef\xbb\xbf") == (form == "excel")
    suffix = FORMS[form].suffix
    assert one["Content-Disposition"].endswith(f'"campaign-{campaign.pk}-{table}.{suffix}"')
    assert "no-store" in one["Cache-Control"]


def test_totals_of_campaigns(admin_client, campaign):
    make_campaign()  # a draft has no totals
    response = admin_client.get(
        reverse("admin:newsletter_campaign_export_all", args=["campaigns", "csv"])
    )

    (row,) = read(response)

    assert row["subject"] == PAYLOAD
    assert (row["status"], row["audience"], row["sent"], row["failed"]) == ("Sent", "4", "1", "1")
    assert (row["opens"], row["clicks"], row["forwards"]) == ("3", "2", "0")


def test_who_may_see_people_gets_their_names(staff_client, campaign, reader):
    client = staff_client(SEE, PEOPLE)

    (row,) = read(client.get(url(campaign)))

    assert row["email"] == reader.email
    assert [each["email"] for each in read(client.get(url(campaign, "readers")))] == [reader.email]


def test_who_may_not_gets_none(staff_client, campaign, reader):
    client = staff_client(SEE)

    assert reader.email.encode() not in content(client.get(url(campaign)))
    assert client.get(url(campaign, "readers")).status_code == 403
    assert client.get(url(campaign, "reader_links", "parquet")).status_code == 403
    page = client.get(reverse("admin:newsletter_campaign_exports", args=[campaign.pk]))
    assert b"Readers as CSV" not in page.content
    assert b"Nobody is named" in page.content


def test_who_may_not_see_campaigns_gets_nothing(staff_client, client, campaign):
    pages = [url(campaign), reverse("admin:newsletter_campaign_exports", args=[campaign.pk])]

    assert {staff_client(PEOPLE).get(page).status_code for page in pages} == {403}
    assert {client.get(page).status_code for page in pages} == {302}


def test_what_does_not_exist(admin_client, campaign):
    missing = reverse("admin:newsletter_campaign_export", args=[0x7FFFFFFF, "events", "csv"])

    assert admin_client.get(url(campaign, "secrets")).status_code == 404
    assert admin_client.get(url(campaign, form="exe")).status_code == 404
    assert admin_client.get(missing).status_code == 404
    assert admin_client.post(url(campaign)).status_code == 405


def test_the_pages_of_downloads(admin_client, campaign):
    one = admin_client.get(reverse("admin:newsletter_campaign_exports", args=[campaign.pk]))
    every = admin_client.get(reverse("admin:newsletter_campaign_exports_all"))

    for response in (one, every):
        assert_clean(response)
        assert all(
            f"{title} as Parquet".encode() in response.content for title, _ in WORDS.values()
        )


def test_every_table_has_its_words():
    assert WORDS.keys() == TABLES.keys()


def test_every_column_is_explained(settings):
    text = (settings.BASE_DIR / "docs" / "exports.md").read_text()

    for name, table in TABLES.items():
        assert re.search(rf"^### .*\b{name}\b", text, re.MULTILINE), name
        section = re.split(rf"^### .*\b{name}\b.*$", text, flags=re.MULTILINE)[1].split("\n#")[0]
        assert [each.name for each in table.columns if f"`{each.name}`" not in section] == []
