import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0003_verdicts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ForwardRefusal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("email_hash", models.BinaryField(max_length=16, unique=True)),
                ("key_id", models.CharField(max_length=8)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PossibleForwards",
            fields=[
                ("campaign_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("quoted", models.IntegerField(default=0)),
                ("second_readers", models.IntegerField(default=0)),
                ("either", models.IntegerField(default=0)),
                ("computed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Forward",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("subscriber_id", models.BigIntegerField()),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[
                            (1, "Mail to a friend"),
                            (2, "Shared page"),
                            (3, "All of a campaign's"),
                        ]
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waiting"),
                            ("sending", "Being handed over"),
                            ("sent", "Sent"),
                            ("failed", "Refused"),
                            ("skipped", "Not sent"),
                            ("in-doubt", "In doubt"),
                            ("made", "Made"),
                        ],
                        max_length=8,
                    ),
                ),
                ("tracking", models.CharField(blank=True, max_length=10)),
                ("email_hash", models.BinaryField(max_length=16, null=True)),
                ("address", models.CharField(blank=True, max_length=320)),
                ("sender_name", models.CharField(blank=True, max_length=80)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("network", models.GenericIPAddressField(null=True)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.SmallIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["campaign_id", "kind"], name="forward_campaign"),
                    models.Index(fields=["email_hash", "asked_at"], name="forward_friend"),
                    models.Index(fields=["asked_at"], name="forward_asked"),
                    models.Index(
                        condition=models.Q(("subscriber_id", 0), _negated=True),
                        fields=["subscriber_id"],
                        name="forward_owner",
                    ),
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)),
                        fields=["due_at"],
                        name="forward_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("campaign_id"),
                        models.F("email_hash"),
                        condition=models.Q(
                            ("kind", 1), models.Q(("state", "skipped"), _negated=True)
                        ),
                        name="forward_once_to_a_friend",
                    ),
                    models.UniqueConstraint(
                        models.F("campaign_id"),
                        models.F("subscriber_id"),
                        condition=models.Q(
                            ("kind", 2), models.Q(("subscriber_id", 0), _negated=True)
                        ),
                        name="forward_one_share_each",
                    ),
                    models.UniqueConstraint(
                        models.F("campaign_id"),
                        condition=models.Q(("kind", 3)),
                        name="forward_one_common_each",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["asked", "sending"]),
                            models.Q(("address", ""), ("note", ""), ("sender_name", "")),
                            _connector="OR",
                        ),
                        name="forward_forgets_the_friend",
                    ),
                ],
            },
        ),
    ]
