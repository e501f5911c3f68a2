"""Say to whoever started this process that it does its work now.

The protocol is that of systemd (Type=notify); the launcher speaks it as well.
"""

import os
import socket


def announce() -> None:
    """Tell the starter, if it wants to know, that we are ready."""
    # Not a setting of ours but a message from the process that started this one.
    address = os.environ.get("NOTIFY_SOCKET", "")  # noqa: TID251
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.sendto(b"READY=1", address)
