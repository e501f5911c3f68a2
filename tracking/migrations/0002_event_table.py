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
-- Read by rules that judge a campaign's hits again, by a person's page and by erasure, which know
-- from tracking_reader with which campaigns the person had to do.
CREATE INDEX tracking_event_reader ON tracking_event (campaign_id, subscriber_id);
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
