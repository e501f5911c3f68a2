"""Sending: claim a batch, render, hand over, record. docs/sending.md tells the whole story.

engine      one worker's run: keeps connections busy with the mails of the batches it holds
batches     the SQL of claim, takeover, record and give back; every statement is fenced
journal     what is about to be handed over, written before its first byte goes out
holding     a claimed batch in a worker's memory: what is out, settled, and still to record
breaker     one refused recipient, or a server that refuses everybody?
smtp        the conversation with a mail server, without any I/O
connection  the conversation on a socket, and the pool that keeps several of them
servers     what SMTP_URL says
slots       keeps a process of each worker free for mail that a person waits for
"""
