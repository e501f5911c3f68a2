"""A file of people as marketers have them: 10,000 rows with everything that goes wrong."""

import random
from dataclasses import dataclass
from pathlib import Path

SEED = 7


@dataclass(frozen=True)
class MessyFile:
    """The file, and what has to become of it."""

    path: Path
    people: int  # distinct people who must be on the list afterwards
    refused: int  # rows that must come back


def write(path: Path, rows: int = 10_000) -> MessyFile:
    """Write a CSV file with a BOM, semicolons, quoted line ends, doubles and bad addresses."""
    chance = random.Random(SEED)
    lines, people, refused, known = ["E-Mail;Name;City"], 0, 0, ""
    for number in range(rows):
        kind = chance.random()
        address = f"person{number}@example.com"
        if kind < 0.02:
            lines.append(
                f"{chance.choice(['nobody', '', 'a@b@c', 'x y@example.com'])};Nobody;Nowhere"
            )
            refused += 1
        elif kind < 0.04 and known:
            lines.append(f"{known.upper()};Again;{chance.choice(['York', 'Ely'])}")
        elif kind < 0.06:
            lines.append(f'  {address} ;"Ann\n""the boat"" O\'Neill";Ely')
            people, known = people + 1, address
        elif kind < 0.08:
            lines.append(f"jörg{number}@müller.example.com;Jörg Müller;Köln")
            people += 1
        else:
            lines.append(f"{address};Person {number};York")
            people, known = people + 1, address
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    return MessyFile(path, people, refused)
