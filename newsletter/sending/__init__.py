"""Sending: claim a batch, render, hand over, record. docs/sending.md tells the whole story.

A run
    run             one run, for whoever is not asynchronous; mails that no campaign records
    engine          all campaigns that are due, over all servers: what takes time, in turn
    desk            where mails are handed out to connections, and where their ends come in
    books           the batches of a run: claimed, recorded, let go
    outside         what a run reads of the world about once a second, and what it tells the world
    queue           the mails of one campaign that were claimed and are on no connection
    lane            one sending server inside a run: connections, limits, troubles
    gates           the limits of a run: how many mails may go now
    sharing         which server's turn it is; pure
    content         what a campaign sends: its edition, compiled, and the keys that sign it
    waiting         why a campaign can't be sent now, and when it is tried again
    retries         when to try a person again, and when to give up; pure

Batches and outcomes
    batches         the SQL of what is due, claim and takeover
    members         who is in a batch, and who of them may be mailed
    recording       the SQL of what became of mails; every statement is fenced
    holding         a claimed batch in a worker's memory: what is out, settled, and to be stored
    journal         what is about to be handed over, written before its first byte goes out
    prepared        one statement, run over and over
    database        a connection to PostgreSQL that comes back
    current         what the tables say of servers and paces while a run goes on

The conversation
    smtp            an SMTP client without any I/O; handshake, envelope, message and replies are
                    its parts
    connection      the conversation on a socket
    dialing         how that socket comes about: names, addresses, TLS
    pool            the connections to one server: opened, watched, closed
    dkim            signatures; pure
    oauth           access tokens for servers that want OAuth 2
    probing         tries a server without sending anything

Servers, providers, refusals
    servers         where mail is handed over, and how: an endpoint; pure
    rows            the sending servers as a run uses them, from their rows or from SMTP_URL
    warmup          how much a new server may send on each day; pure
    pace            limits in Redis, shared by all workers (pace.lua, leases.lua)
    windows         on which days and between which hours a campaign may be sent; pure
    providers       domains grouped by who takes their mail (known_providers, mail_servers)
    refusals        why a mail was refused; pure
    breaker         one refused recipient, or a server that refuses everybody? pure
    pauses          who takes no mail of ours for now

The process
    slots           keeps a process of each worker free for mail that a person waits for
    shutdown        how a run learns that it is to stop
    live            what happens this second, for those who watch
"""
