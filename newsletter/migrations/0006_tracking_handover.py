from django.db import migrations


class Migration(migrations.Migration):
    # When whose mail was handed over, for tracking, which knows no table of this app. What is in
    # doubt may well have arrived.
    dependencies = [("newsletter", "0005_deliveries_by_key")]

    operations = [
        migrations.RunSQL(
            """
            CREATE VIEW tracking_handover AS
            SELECT campaign_id, subscriber_id, at FROM newsletter_delivery
            WHERE status IN ('sent', 'in_doubt')
            """,
            "DROP VIEW tracking_handover",
        )
    ]
