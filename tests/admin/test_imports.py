"""Imports in the admin: a file goes in, its progress is watched, the refused rows come back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from subscribers import importing
from subscribers.models import Import
from tests.factories import make_list

pytestmark = pytest.mark.django_db
ADD = "admin:subscribers_import_add"


def file(text: str, name: str = "people.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def url(page, job) -> str:
    return reverse(f"admin:subscribers_import_{page}", args=[job.pk])


def upload(client, text="email,name\nada@example.org,Ada\nnobody,None\n") -> Import:
    client.post(
        reverse(ADD),
        {"file": file(text), "mailing_list": make_list().pk, "evidence": "Forms, May 2026"},
    )
    return Import.objects.get()


def test_upload_makes_a_job(admin_client, admin_user):
    job = upload(admin_client)

    assert (job.file_name, job.evidence, job.staff_id) == (
        "people.csv",
        "Forms, May 2026",
        admin_user.pk,
    )
    assert job.status == Import.Status.WAITING


@pytest.mark.parametrize("missing", ["file", "mailing_list", "evidence"])
def test_each_field_is_needed(admin_client, missing):
    data = {"file": file("email\n"), "mailing_list": make_list().pk, "evidence": "Forms"}
    del data[missing]

    response = admin_client.post(reverse(ADD), data)

    assert set(response.context["form"].errors) == {missing}
    assert not Import.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_from_the_file_to_its_refused_rows(admin_client):
    job = upload(admin_client)

    before = admin_client.get(url("progress", job)).json()
    importing.run_due()
    after = admin_client.get(url("progress", job)).json()
    page = admin_client.get(url("change", job)).content.decode()
    refused = b"".join(admin_client.get(url("refused", job)).streaming_content).decode()

    assert not before["done"]
    assert after["done"]
    assert (after["text"]["added"], after["text"]["refused"]) == ("1", "1")
    assert after["width"] == {"done": 100.0}
    assert url("refused", job) in page
    assert "nobody" in refused


def test_no_refused_rows_no_file(admin_client):
    job = upload(admin_client)

    assert admin_client.get(url("refused", job)).status_code == 404
    assert url("refused", job) not in admin_client.get(url("change", job)).content.decode()


def test_imports_need_the_permission(staff_client):
    looking = staff_client("subscribers.view_import")

    assert looking.get(reverse(ADD)).status_code == 403
    assert looking.post(reverse(ADD), {}).status_code == 403
    assert looking.get(reverse("admin:subscribers_import_changelist")).status_code == 200


@pytest.mark.parametrize("number", ["0", "999", "abc"])
def test_unknown_import_is_not_found(admin_client, number):
    assert (
        admin_client.get(reverse("admin:subscribers_import_change", args=[number])).status_code
        == 404
    )
