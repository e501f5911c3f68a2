import django.db.models.functions.datetime
from django.db import migrations, models

NOTE = """
    CREATE FUNCTION subscribers_note_departure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subscribers_departure (subscriber_id) VALUES (OLD.subscriber_id);
        RETURN NULL;
    END
    $$;

    -- Suppression ends subscriptions, and so does erasure.
    CREATE TRIGGER subscribers_note_left
        AFTER UPDATE OF status ON subscribers_subscription
        FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status <> 'active')
        EXECUTE FUNCTION subscribers_note_departure();

    CREATE TRIGGER subscribers_note_removed
        AFTER DELETE ON subscribers_subscription
        FOR EACH ROW WHEN (OLD.status = 'active')
        EXECUTE FUNCTION subscribers_note_departure();
"""

FORGET = """
    DROP TRIGGER subscribers_note_removed ON subscribers_subscription;
    DROP TRIGGER subscribers_note_left ON subscribers_subscription;
    DROP FUNCTION subscribers_note_departure();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0003_confirmation_mail_asks"),
    ]

    operations = [
        migrations.AlterField(
            model_name="consentrecord",
            name="method",
            field=models.CharField(
                choices=[
                    ("form", "Sign-up page"),
                    ("confirmation", "Link in a confirmation mail"),
                    ("one-click", "One click in the mail program"),
                    ("page", "Unsubscribe page"),
                    ("preferences", "Preference page"),
                    ("import", "Import"),
                    ("admin", "By a member of staff"),
                    ("bounce", "A mail server: no such address"),
                    ("demo", "Demonstration"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="Departure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subscriber_id", models.BigIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["subscriber_id"], name="departure_subscriber")],
            },
        ),
        migrations.RunSQL(NOTE, FORGET),
    ]
