"""The Celery application. Tasks only wake workers: what there is to do stands in PostgreSQL."""

import gc
import os
import warnings
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections

from newsletter import readiness

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

# About pickled messages, which could run anything as root. Ours are JSON.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("newsletter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Celery would close the connection to the database after each task, and a new one costs more than
# what a tick has to do. Django closes it when it is old (CONN_MAX_AGE) or broken.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000  # tasks


@signals.worker_ready.connect
def _worker_is_ready(**_: Any) -> None:
    """Tell the starter: the pool runs and the broker is connected."""
    readiness.announce()


@signals.worker_process_init.connect
def _process_begins(**_: Any) -> None:
    """Spare the collector what stays: modules for good, and a batch's mails while they are sent."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@signals.task_prerun.connect
def _task_begins(**_: Any) -> None:
    """Have Django look whether the connection that an earlier task left is still good."""
    close_old_connections()


@signals.beat_init.connect
def _beat_is_ready(**_: Any) -> None:
    """Tell the starter, once the broker has answered beat as well."""
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=30, interval_start=0.2, interval_max=2)
    readiness.announce()
