"""How much public forms take in an hour or a day, and imports at a time."""

JOIN_LIMIT_NETWORK = 30  # sign-ups in an hour from one /24 or /48
JOIN_LIMIT = 20_000  # sign-ups in an hour from everywhere
JOIN_SECONDS = 0.15  # each sign-up takes this long, so that its time tells nobody who is known
CONFIRMATION_LIMIT = 5_000  # confirmation mails in an hour
FORWARD_LIMIT_PERSON = 10  # friends in a day to whom one person forwards
FORWARD_LIMIT_NETWORK = 20  # friends in a day from one /24 or /48
FORWARD_LIMIT = 60  # friends in a minute from everywhere
IMPORT_CHUNK = 10_000  # rows stored in one transaction
IMPORT_LANES = 3  # chunks on their way into the database at once, each on its own connection
IMPORT_LEASE = 60  # seconds without a sign of life before an import is given to another
