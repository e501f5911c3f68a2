"""`make chaos-tracking`: readers open and click while everything that serves them breaks.

Real edges, ingesters, PostgreSQL and Redis; the readers are ours (readers.py), run in a process of
their own, and keep their own record, by which everything is judged. docs/chaos.md says what is
promised.
"""
