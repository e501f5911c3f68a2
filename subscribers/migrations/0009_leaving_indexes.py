from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built without locking the ledger, so that people can leave meanwhile. If it fails half way,
    # drop the invalid index by hand and run migrate again.
    atomic = False

    dependencies = [
        ("subscribers", "0008_leaving"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="consentrecord",
            index=models.Index(
                fields=["campaign_id", "subscriber_id"],
                condition=~Q(campaign_id=0),
                name="consent_campaign_left",
            ),
        ),
        AddIndexConcurrently(
            model_name="consentrecord",
            index=models.Index(
                fields=["campaign_id"],
                condition=~Q(campaign_id=0) & Q(method="form"),
                name="consent_campaign_joined",
            ),
        ),
        RemoveIndexConcurrently(model_name="consentrecord", name="consent_campaign"),
    ]
