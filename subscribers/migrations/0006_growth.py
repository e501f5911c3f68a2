import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# By statement, so that a chunk of an import is one row. A suppression by a mail server leaves the
# subscriptions as they are; so it is counted by its line in the ledger.
NOTE = """
    CREATE FUNCTION subscribers_count_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subscribers_listchange (mailing_list_id, joined, gone, bounced)
        SELECT mailing_list_id, count(*), 0, 0 FROM added WHERE status = 'active' GROUP BY 1;
        RETURN NULL;
    END
    $$;

    CREATE FUNCTION subscribers_count_removed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subscribers_listchange (mailing_list_id, joined, gone, bounced)
        SELECT mailing_list_id, 0, count(*), 0 FROM removed WHERE status = 'active' GROUP BY 1;
        RETURN NULL;
    END
    $$;

    CREATE FUNCTION subscribers_count_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subscribers_listchange (mailing_list_id, joined, gone, bounced)
        SELECT mailing_list_id, count(*) FILTER (WHERE added.status = 'active'),
               count(*) FILTER (WHERE removed.status = 'active'), 0
        FROM added JOIN removed USING (id, mailing_list_id)
        WHERE added.status <> removed.status AND 'active' IN (added.status, removed.status)
        GROUP BY 1;
        RETURN NULL;
    END
    $$;

    CREATE FUNCTION subscribers_count_bounced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subscribers_listchange (mailing_list_id, joined, gone, bounced)
        SELECT mailing_list_id, 0, 0, 1 FROM subscribers_subscription
        WHERE subscriber_id = NEW.subscriber_id AND status = 'active';
        RETURN NULL;
    END
    $$;

    CREATE TRIGGER subscribers_count_added AFTER INSERT ON subscribers_subscription
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION subscribers_count_added();
    CREATE TRIGGER subscribers_count_removed AFTER DELETE ON subscribers_subscription
        REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION subscribers_count_removed();
    CREATE TRIGGER subscribers_count_moved AFTER UPDATE ON subscribers_subscription
        REFERENCING OLD TABLE AS removed NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION subscribers_count_moved();
    CREATE TRIGGER subscribers_count_bounced AFTER INSERT ON subscribers_consentrecord
        FOR EACH ROW WHEN (NEW.action = 'suppressed' AND NEW.method = 'bounce')
        EXECUTE FUNCTION subscribers_count_bounced();
"""
FORGET = """
    DROP TRIGGER subscribers_count_bounced ON subscribers_consentrecord;
    DROP TRIGGER subscribers_count_moved ON subscribers_subscription;
    DROP TRIGGER subscribers_count_removed ON subscribers_subscription;
    DROP TRIGGER subscribers_count_added ON subscribers_subscription;
    DROP FUNCTION subscribers_count_bounced(), subscribers_count_moved(),
        subscribers_count_removed(), subscribers_count_added();
"""
# What the ledger says of the past; each turn from one state to the other counts once. Who is active
# without a line that says so counts from the day their subscription was made. Those who were erased
# have no lines any more.
FILL = """
    INSERT INTO subscribers_listday (mailing_list_id, day, joined, gone, bounced)
    WITH lines AS (
        SELECT mailing_list_id, subscriber_id, recorded_at, action <> 'unsubscribed' AS is_in,
               lag(action <> 'unsubscribed', 1, FALSE) OVER steps AS was_in
        FROM subscribers_consentrecord
        WHERE action IN ('subscribed', 'confirmed', 'unsubscribed') AND mailing_list_id IS NOT NULL
        WINDOW steps AS (PARTITION BY mailing_list_id, subscriber_id ORDER BY id)
    ), known AS (
        SELECT mailing_list_id, subscriber_id, sum(CASE WHEN is_in THEN 1 ELSE -1 END) AS active
        FROM lines WHERE is_in <> was_in GROUP BY 1, 2
    ), changes AS (
        SELECT mailing_list_id, recorded_at AS at, is_in::int AS joined, (NOT is_in)::int AS gone
        FROM lines WHERE is_in <> was_in
        UNION ALL
        SELECT mailing_list_id, CASE WHEN status = 'active' THEN created_at ELSE changed_at END,
               (status = 'active')::int, (status <> 'active')::int
        FROM subscribers_subscription LEFT JOIN known USING (mailing_list_id, subscriber_id)
        WHERE (status = 'active')::int <> coalesce(active, 0)
    )
    SELECT mailing_list_id, (at AT TIME ZONE %s)::date, sum(joined), sum(gone), 0
    FROM changes JOIN subscribers_mailinglist list ON list.id = mailing_list_id
    GROUP BY 1, 2
"""


def fill(apps, schema_editor):
    """Count the days before this migration from the ledger."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL, [settings.TIME_ZONE])


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0005_tracking_of_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="ListChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mailing_list_id", models.BigIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("joined", models.IntegerField(default=0)),
                ("gone", models.IntegerField(default=0)),
                ("bounced", models.IntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["mailing_list_id"], name="listchange_list")],
            },
        ),
        migrations.CreateModel(
            name="ListDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "mailing_list_id",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("joined", models.IntegerField(default=0)),
                ("gone", models.IntegerField(default=0)),
                ("bounced", models.IntegerField(default=0)),
                (
                    "mailing_list",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.mailinglist",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(NOTE, FORGET),
        # After the triggers, in their transaction: what comes meanwhile waits for both.
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
