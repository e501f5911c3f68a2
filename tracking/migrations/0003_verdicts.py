import django.db.models.functions.datetime
from django.db import migrations, models

# Times are looked up to judge hits again. They come nearly in order, so that a BRIN index finds
# them, which costs ingest next to nothing.
ADD_VERDICTS = """
ALTER TABLE tracking_event
    ADD COLUMN forward_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN verdict smallint NOT NULL DEFAULT 2,
    ADD COLUMN reason varchar(60) NOT NULL DEFAULT 'before-rules',
    ADD COLUMN rules smallint NOT NULL DEFAULT 0,
    ADD COLUMN since_sent real;
ALTER TABLE tracking_event
    ALTER COLUMN verdict DROP DEFAULT,
    ALTER COLUMN reason DROP DEFAULT,
    ALTER COLUMN rules DROP DEFAULT;
CREATE INDEX tracking_event_time ON tracking_event
    USING brin (occurred_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX tracking_event_forward ON tracking_event (campaign_id, forward_id)
    WHERE forward_id <> 0;
"""
REMOVE_VERDICTS = """
DROP INDEX tracking_event_time, tracking_event_forward;
ALTER TABLE tracking_event
    DROP COLUMN forward_id, DROP COLUMN verdict, DROP COLUMN reason, DROP COLUMN rules,
    DROP COLUMN since_sent;
"""

# What was stored without a verdict counts as likely human (2), as it did; a recount judges it.
SUM_UP = """
UPDATE tracking_reader SET seen = ((opens > 0)::int << 2) | ((clicks > 0)::int << 10);
INSERT INTO tracking_verdicttotal (campaign_id, kind, verdict, hits, people, forwarded_hits)
SELECT campaign_id, 1, 2, opens, unique_opens, 0 FROM tracking_campaigntotal WHERE opens > 0
UNION ALL
SELECT campaign_id, 2, 2, clicks, unique_clicks, 0 FROM tracking_campaigntotal WHERE clicks > 0;
INSERT INTO tracking_campaignmoment (campaign_id, at, opens, clicks, unique_opens, unique_clicks,
                                     machine_opens, machine_clicks)
SELECT campaign_id, date_bin('5 minutes', at, 'epoch'), sum(opens), sum(clicks), sum(unique_opens),
       sum(unique_clicks), 0, 0
FROM (
    SELECT campaign_id, occurred_at AS at, (kind = 1)::int AS opens, (kind = 2)::int AS clicks,
           0 AS unique_opens, 0 AS unique_clicks
    FROM tracking_event
    UNION ALL
    SELECT campaign_id, first_open_at, 0, 0, 1, 0 FROM tracking_reader
    WHERE first_open_at IS NOT NULL
    UNION ALL
    SELECT campaign_id, first_click_at, 0, 0, 0, 1 FROM tracking_reader
    WHERE first_click_at IS NOT NULL
) counted
GROUP BY 1, 2;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0002_event_table"),
    ]

    operations = [
        migrations.CreateModel(
            name="CampaignMoment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("opens", models.BigIntegerField(default=0)),
                ("clicks", models.BigIntegerField(default=0)),
                ("unique_opens", models.BigIntegerField(default=0)),
                ("unique_clicks", models.BigIntegerField(default=0)),
                ("machine_opens", models.BigIntegerField(default=0)),
                ("machine_clicks", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ForwardTotal",
            fields=[
                ("forward_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("campaign_id", models.BigIntegerField(db_index=True)),
                ("opens", models.BigIntegerField(default=0)),
                ("clicks", models.BigIntegerField(default=0)),
                ("visits", models.BigIntegerField(default=0)),
                ("machine_opens", models.BigIntegerField(default=0)),
                ("machine_clicks", models.BigIntegerField(default=0)),
                ("machine_visits", models.BigIntegerField(default=0)),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Recount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("since", models.DateTimeField(null=True)),
                ("rules", models.SmallIntegerField()),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("judged_to", models.DateTimeField(null=True)),
                ("rebuilt_to", models.BigIntegerField(default=0)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="UnsettledMinute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("is_late", models.BooleanField()),
            ],
        ),
        migrations.CreateModel(
            name="VerdictTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "kind",
                        "verdict",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[
                            (1, "Open"),
                            (2, "Click"),
                            (3, "Canary"),
                            (4, "Share"),
                            (5, "Quote"),
                        ]
                    ),
                ),
                ("verdict", models.SmallIntegerField()),
                ("hits", models.BigIntegerField(default=0)),
                ("people", models.BigIntegerField(default=0)),
                ("forwarded_hits", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="campaignhour",
            name="machine_clicks",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaignhour",
            name="machine_opens",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaigntotal",
            name="kept_from",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="campaigntotal",
            name="machine_clicks",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaigntotal",
            name="machine_opens",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaigntotal",
            name="unique_machine_clicks",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaigntotal",
            name="unique_machine_opens",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="linktotal",
            name="machine_clicks",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="linktotal",
            name="unique_machine_clicks",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="reader",
            name="gained",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="reader",
            name="machine_clicks",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="reader",
            name="machine_opens",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="reader",
            name="seen",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="readerlink",
            name="machine_clicks",
            field=models.IntegerField(default=0),
        ),
        migrations.RunSQL(ADD_VERDICTS, REMOVE_VERDICTS),
        migrations.RunSQL(SUM_UP, migrations.RunSQL.noop),
    ]
