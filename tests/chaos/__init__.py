"""`make chaos`: a campaign while everything around it breaks, judged by the mail server's record.

Real PostgreSQL, Redis, workers and beat; the mail server is ours (sink.py), runs in a process of
its own, misbehaves at random and keeps its own record. docs/chaos.md says what is promised.
"""
