from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Batches are claimed in the order in which they are due.
    dependencies = [("newsletter", "0002_unlogged_journal")]

    operations = [
        migrations.RemoveIndex(model_name="batch", name="batch_open"),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=Q(("state__in", ["waiting", "claimed"])),
                fields=["campaign", "due_at", "id"],
                name="batch_open",
            ),
        ),
    ]
