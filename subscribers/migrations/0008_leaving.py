from django.db import migrations, models

# Whoever changes what a person agreed to has locked the person first, so that no two lines of one
# person are written at once. The rows are touched in the same order by everybody.
COUNT = """
    CREATE FUNCTION subscribers_count_leaving() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        WITH earlier AS (
            SELECT recorded_at FROM subscribers_consentrecord
            WHERE subscriber_id = NEW.subscriber_id AND campaign_id = NEW.campaign_id
              AND action = 'unsubscribed' AND id < NEW.id
        ), spans AS (
            SELECT seconds, at, tstzrange(at, until) AS span
            FROM (VALUES
                (0, timestamptz '2000-01-01 00:00+00', NULL),
                (300, date_bin('5 minutes', NEW.recorded_at, '2000-01-01 00:00+00'),
                 date_bin('5 minutes', NEW.recorded_at, '2000-01-01 00:00+00') + '5 minutes'),
                (3600, date_bin('1 hour', NEW.recorded_at, '2000-01-01 00:00+00'),
                 date_bin('1 hour', NEW.recorded_at, '2000-01-01 00:00+00') + '1 hour')
            ) known (seconds, at, until)
        )
        INSERT INTO subscribers_leavingsum AS known (campaign_id, seconds, at, people, times)
        SELECT NEW.campaign_id, seconds, at,
               (NOT EXISTS (SELECT FROM earlier WHERE recorded_at <@ span))::int,
               (NOT EXISTS (SELECT FROM earlier WHERE recorded_at = NEW.recorded_at))::int
        FROM spans ORDER BY seconds, at
        ON CONFLICT (campaign_id, seconds, at) DO UPDATE SET
            people = known.people + EXCLUDED.people, times = known.times + EXCLUDED.times;
        RETURN NULL;
    END
    $$;

    CREATE TRIGGER subscribers_count_leaving AFTER INSERT ON subscribers_consentrecord
        FOR EACH ROW WHEN (NEW.action = 'unsubscribed' AND NEW.campaign_id <> 0)
        EXECUTE FUNCTION subscribers_count_leaving();
"""
FORGET = """
    DROP TRIGGER subscribers_count_leaving ON subscribers_consentrecord;
    DROP FUNCTION subscribers_count_leaving();
"""
FILL = """
    WITH lines AS (
        SELECT campaign_id, seconds, subscriber_id, recorded_at,
               CASE WHEN seconds = 0 THEN timestamptz '2000-01-01 00:00+00'
                    ELSE date_bin(make_interval(secs => seconds), recorded_at,
                                  '2000-01-01 00:00+00') END AS at
        FROM subscribers_consentrecord CROSS JOIN (VALUES (0), (300), (3600)) spans (seconds)
        WHERE campaign_id <> 0 AND action = 'unsubscribed'
    )
    INSERT INTO subscribers_leavingsum (campaign_id, seconds, at, people, times)
    SELECT campaign_id, seconds, at, count(DISTINCT subscriber_id),
           count(DISTINCT (subscriber_id, recorded_at))
    FROM lines GROUP BY 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0007_forwarding_of_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="LeavingSum",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "seconds",
                        "at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("seconds", models.SmallIntegerField()),
                ("at", models.DateTimeField()),
                ("people", models.IntegerField(default=0)),
                ("times", models.IntegerField(default=0)),
            ],
        ),
        migrations.RunSQL(COUNT, FORGET),
        # After the trigger, in its transaction: what comes meanwhile waits for both.
        migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True),
    ]
