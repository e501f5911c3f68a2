from django.db import migrations

CREATE_TABLE = """
CREATE SEQUENCE tracking_event_id_seq AS bigint CACHE 100;
CREATE TABLE tracking_event (
    id bigint NOT NULL DEFAULT nextval('tracking_event_id_seq'),
    occurred_at timestamptz NOT NULL,
    campaign_id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    link_id bigint NOT NULL,
    kind smallint NOT NULL,
    network inet,
    user_agent text NOT NULL,
    marks jsonb NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE tracking_event_id_seq OWNED BY tracking_event.id;
-- Read by rules that judge a campaign's hits again.
CREATE INDEX tracking_event_campaign ON tracking_event (campaign_id, occurred_at);
-- Read by a person's own page, and by erasure.
CREATE INDEX tracking_event_subscriber ON tracking_event (subscriber_id)
    WHERE subscriber_id <> 0;
CREATE TABLE tracking_event_other PARTITION OF tracking_event DEFAULT;
"""

# Readers are updated in place, again and again: room on each page keeps these updates off the
# indexes.
LEAVE_ROOM = """
ALTER TABLE tracking_reader SET (fillfactor = 80);
ALTER TABLE tracking_readerlink SET (fillfactor = 80);
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_TABLE, "DROP TABLE tracking_event"),
        migrations.RunSQL(LEAVE_ROOM, migrations.RunSQL.noop),
    ]
