"""A worker's run as a process of its own, for tests that stop or kill it."""

import sys

import django
from django.conf import settings

if __name__ == "__main__":
    django.setup()
    from newsletter.sending import run, shutdown

    campaign_id, smtp_url, lease, batch_size = sys.argv[1:]
    settings.SMTP_URL = smtp_url
    settings.SEND_LEASE = int(lease)
    settings.SEND_BATCH_SIZE = int(batch_size)
    settings.SEND_CONNECTIONS = 4
    with shutdown.put_off() as is_stopping:
        result = run.send(int(campaign_id), seconds=120, is_stopping=is_stopping)
        sys.stdout.write(f"{result}\n")
        sys.stdout.flush()
