from django.db import migrations


class Migration(migrations.Migration):
    # The journal need not outlive a crash of PostgreSQL (see Handover), so it skips the log.
    dependencies = [("newsletter", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE newsletter_handover SET UNLOGGED",
            "ALTER TABLE newsletter_handover SET LOGGED",
        ),
    ]
