from django.db import migrations, models

# 0: not known. The defaults stay, for processes of an older version that store hits meanwhile.
ADD_COLUMNS = """
ALTER TABLE tracking_event
    ADD COLUMN program smallint NOT NULL DEFAULT 0,
    ADD COLUMN country smallint NOT NULL DEFAULT 0;
"""
REMOVE_COLUMNS = """
ALTER TABLE tracking_event DROP COLUMN program, DROP COLUMN country;
"""

# Hits that are stored already are of no known program and country until a recount reads them.
SUM_UP = """
INSERT INTO tracking_breakdown
    (campaign_id, dimension, value, opens, clicks, machine_opens, machine_clicks)
SELECT campaign_id, dimension, 0, opens, clicks, machine_opens, machine_clicks
FROM tracking_campaigntotal CROSS JOIN generate_series(1, 3) dimension;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0004_forwards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Breakdown",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "dimension",
                        "value",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                (
                    "dimension",
                    models.SmallIntegerField(
                        choices=[(1, "Client"), (2, "Device"), (3, "Country")]
                    ),
                ),
                ("value", models.SmallIntegerField()),
                ("opens", models.BigIntegerField(default=0)),
                ("clicks", models.BigIntegerField(default=0)),
                ("machine_opens", models.BigIntegerField(default=0)),
                ("machine_clicks", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RunSQL(ADD_COLUMNS, REMOVE_COLUMNS),
        migrations.RunSQL(SUM_UP, migrations.RunSQL.noop),
    ]
