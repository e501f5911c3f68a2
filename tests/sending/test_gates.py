"""The limits of one run, and the task that keeps them open."""

import asyncio

from newsletter.sending import gates
from newsletter.sending.gates import Gates
from newsletter.sending.pace import Buckets, Limits, PaceUnknown


def test_they_end_with_their_run_whatever_becomes_of_a_cancellation(monkeypatch):
    """Redis's driver may turn one that comes while it connects into an error of its own."""
    monkeypatch.setattr(gates, "EVERY", 0)
    is_asked = asyncio.Event()

    async def take(self, wants):
        if not wants:
            return []
        is_asked.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise PaceUnknown("the connection is gone") from None

    monkeypatch.setattr(Buckets, "take", take)

    async def run():
        ours = Gates("redis://127.0.0.1:9/0", lambda: None)
        ours.get("server:1", Limits(per_second=1)).lets_through()
        async with asyncio.timeout(60):
            await is_asked.wait()
            await ours.close()
        return ours.trouble

    assert "the connection is gone" in asyncio.run(run())
