import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("newsletter", "0008_campaign_sums"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailboxCount",
            fields=[
                (
                    "campaign",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mailboxes",
                        serialize=False,
                        to="newsletter.campaign",
                    ),
                ),
                ("counted_at", models.DateTimeField()),
                ("seen", models.CharField(max_length=200)),
                ("seconds", models.FloatField(default=0.0)),
            ],
        ),
        migrations.CreateModel(
            name="MailboxTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "provider",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("provider", models.CharField(max_length=253)),
                ("name", models.CharField(max_length=253)),
                ("sent", models.IntegerField(default=0)),
                ("refused", models.IntegerField(default=0)),
                ("opened", models.IntegerField(default=0)),
                ("clicked", models.IntegerField(default=0)),
                ("machine_opened", models.IntegerField(default=0)),
                ("machine_clicked", models.IntegerField(default=0)),
                ("any_opened", models.IntegerField(default=0)),
                ("any_clicked", models.IntegerField(default=0)),
                ("leavers", models.IntegerField(default=0)),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="newsletter.campaign",
                    ),
                ),
            ],
        ),
    ]
