from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built without locking the table. If it fails half way, drop the invalid index by hand and run
    # migrate again.
    atomic = False

    dependencies = [
        ("tracking", "0006_last_readings"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="forward",
            index=models.Index(fields=["campaign_id", "kind", "state"], name="forward_states"),
        ),
        RemoveIndexConcurrently(model_name="forward", name="forward_campaign"),
    ]
