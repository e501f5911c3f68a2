"""The socket on which a child says that it is ready, in the protocol of systemd's Type=notify."""

import secrets
import socket
import sys
import tempfile
from pathlib import Path


class NotifySocket:
    """One child's socket; `address` is what it finds in NOTIFY_SOCKET."""

    def __init__(self) -> None:
        name = f"broadsheet-{secrets.token_hex(8)}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        if sys.platform == "linux":
            self.socket.bind(f"\0{name}")  # a name without a file: nothing to remove
            self.address = f"@{name}"
        else:
            self.address = str(Path(tempfile.gettempdir(), name))
            self.socket.bind(self.address)

    def heard_ready(self) -> bool:
        """Read a message and tell whether it was the one."""
        return b"READY=1" in self.socket.recv(4096)

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink(missing_ok=True)
