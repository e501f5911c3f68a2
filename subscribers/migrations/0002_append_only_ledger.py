"""Make the ledger of consent append-only, whoever writes to it.

UPDATE is always refused. DELETE is refused but for the lines of the person whose id stands in the
setting broadsheet.erasing of the transaction, which subscribers/erase.py sets. TRUNCATE is refused
unless broadsheet.truncate_ledger is on, which test databases are made with.
"""

from django.db import migrations

GUARD = """
    CREATE FUNCTION subscribers_guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE'
            AND current_setting('broadsheet.erasing', true) = OLD.subscriber_id::text
        THEN
            RETURN OLD;
        END IF;
        IF TG_OP = 'TRUNCATE' AND current_setting('broadsheet.truncate_ledger', true) = 'on' THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'the ledger of consent is append-only: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END
    $$;

    CREATE TRIGGER subscribers_guard_ledger_rows
        BEFORE UPDATE OR DELETE ON subscribers_consentrecord
        FOR EACH ROW EXECUTE FUNCTION subscribers_guard_ledger();

    CREATE TRIGGER subscribers_guard_ledger_table
        BEFORE TRUNCATE ON subscribers_consentrecord
        FOR EACH STATEMENT EXECUTE FUNCTION subscribers_guard_ledger();
"""

UNGUARD = """
    DROP TRIGGER subscribers_guard_ledger_table ON subscribers_consentrecord;
    DROP TRIGGER subscribers_guard_ledger_rows ON subscribers_consentrecord;
    DROP FUNCTION subscribers_guard_ledger();
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
