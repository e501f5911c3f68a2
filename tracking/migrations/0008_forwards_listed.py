from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built without locking the table. If it fails half way, drop the invalid index by hand and run
    # migrate again.
    atomic = False

    dependencies = [
        ("tracking", "0007_forward_states"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="forward",
            index=models.Index(
                fields=["campaign_id", "-id"],
                condition=~Q(state="skipped"),
                name="forward_listed",
            ),
        ),
    ]
