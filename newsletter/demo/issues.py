"""What the demonstration's newsletters say: their names, and each issue with its links. Pure."""

from typing import Final, NamedTuple

MARK: Final = "(demo)"  # at the end of each name and subject, so that nobody takes it for theirs
PLACE: Final = "https://example.com/"  # reserved (RFC 2606): where all links lead


class Newsletter(NamedTuple):
    """A list of the demonstration."""

    slug: str
    name: str
    description: str
    share: float  # of all people, that read it


class Issue(NamedTuple):
    """One mail. The first link is its button, the others stand below."""

    subject: str
    preheader: str
    greeting: str
    story: str
    links: tuple[tuple[str, str, str], ...]  # what is linked, the page, and what follows it
    appeal: float = 1.0  # how much it is opened, beside others

    def body(self) -> str:
        """Return it as Markdown."""
        (button, page, _), *others = self.links
        lines = "\n".join(f"- [{words}]({PLACE}{page}){rest}" for words, page, rest in others)
        return (
            "# Good morning{% if subscriber.first_name %}, {{ subscriber.first_name }}{% endif %}"
            f"\n\n{self.story}\n\n[{button}]({PLACE}{page}){{.button}}\n\n## {self.greeting}\n\n"
            f"{lines}\n\nFair winds, and until the next time.\n"
        )


HARBOUR: Final = Newsletter(
    "demo-harbour-weekly",
    f"Harbour Weekly {MARK}",
    "Every Friday: boats, tides and people.",
    0.8,
)
KITCHEN: Final = Newsletter(
    "demo-kitchen-notes",
    f"Kitchen Notes {MARK}",
    "A recipe for the weekend, once a month.",
    0.5,
)

_ALSO = "Also this week"

# The one that is really sent, to both lists.
PRESENT: Final = Issue(
    "The Marigold is back in the water",
    "Half the town came to watch, and we took pictures.",
    _ALSO,
    "The **Marigold** is back in the water after nine years on the slip, and half the town came to "
    "watch. We took pictures, and a flask of tea.",
    (
        ("See the pictures", "marigold", ""),
        ("Tide tables for the month", "tides", ", now with sunrise and sunset"),
        ("The fish market opens late", "market", " on Tuesdays"),
        ("A map of quiet moorings", "moorings", ", drawn by readers"),
    ),
)

# One a week before that, the newest first.
WEEKLY: Final = (
    Issue(
        "A seal on the slipway",
        "She stays until the tide is right.",
        _ALSO,
        "A grey **seal** has taken the lower slipway for her own. Launches go by the north ramp "
        "until she has finished with it.",
        (
            ("Meet the seal", "seal", ""),
            ("How the north ramp works", "north-ramp", " at low water"),
            ("Paint that lasts a winter", "paint", ": four kinds, tried on one hull"),
        ),
        1.15,
    ),
    Issue(
        "Nine knots for a dark evening",
        "All you need is a yard of rope.",
        _ALSO,
        "The evenings are long, and a bowline is only the beginning. Nine **knots**, each with a "
        "drawing and what it is good for.",
        (
            ("Learn the nine knots", "knots", ""),
            ("Rope from the old walk", "rope-walk", ", which still makes it by hand"),
            ("The lamp on the mole", "lamp", " is lit again"),
            ("Tide tables", "tides", " for the coming month"),
        ),
    ),
    Issue(
        "Why the ferry is red",
        "It has to do with a wedding.",
        _ALSO,
        "The **ferry** was green until 1931. Then the owner's daughter married a man who had "
        "bought too much red lead, and nobody has dared to ask since.",
        (
            ("Read the story", "red-ferry", ""),
            ("The new timetable", "timetable", ", with a boat more on Sundays"),
            ("Letters", "letters", ": three readers on fenders"),
        ),
        1.08,
    ),
    Issue(
        "What the harbour master reads at night",
        "Six books, and a chart.",
        _ALSO,
        "We asked to see the shelf above the radio. There were **six books** on it, two of them "
        "about gardens.",
        (
            ("See the shelf", "shelf", ""),
            ("Storm warnings by telephone", "warnings", ", and how to switch them off"),
            ("A skipper wanted", "skipper", " for the Thursday boat"),
        ),
        0.92,
    ),
    Issue(
        "Fog, and how to hear your way home",
        "Bells, horns, and one dog.",
        _ALSO,
        "Five **sounds** tell you where you are when you see nothing. The fifth is Mrs Lind's dog.",
        (
            ("Listen to all five", "fog", ""),
            ("The bell buoy", "bell-buoy", " has been moved by a cable"),
            ("Winter berths", "berths", ": eleven are left"),
        ),
    ),
    Issue(
        "The crane that never lifted anything",
        "A monument, after all.",
        _ALSO,
        "It was delivered in 1958, to the wrong town. This week the council has made the **crane** "
        "a monument.",
        (
            ("How it came here", "crane", ""),
            ("The council's minutes", "minutes", " are shorter than usual"),
            ("Mussels", "mussels", " may be eaten again"),
        ),
        0.88,
    ),
    Issue(
        "Swimmers at six in the morning",
        "Every day, whatever the water says.",
        _ALSO,
        "There are eleven of them, and they have not missed a **morning** since March.",
        (
            ("Swim with them", "swimmers", ""),
            ("How cold it is today", "temperature", ", and was"),
            ("A shelter for coats", "shelter", " is to be built"),
        ),
    ),
    Issue(
        "Herring, the honest fish",
        "They are back a week early.",
        _ALSO,
        "The **herring** came a week early, and nobody was ready but the gulls.",
        (
            ("Where to buy them", "herring", ""),
            ("Smoked or fried", "smoked", ": the vote is open"),
            ("Nets mended", "nets", " while you wait"),
        ),
        1.05,
    ),
    Issue(
        "A boat for the school",
        "Built in a classroom, through a window.",
        _ALSO,
        "It was built on the second floor. On Saturday it left by the **window**, with a crane "
        "that works.",
        (
            ("Watch it leave", "school-boat", ""),
            ("Who built it", "builders", ": nineteen names"),
            ("Tide tables", "tides", " for the coming month"),
        ),
        1.12,
    ),
    Issue(
        "The lighthouse has a new keeper",
        "She comes from the mountains.",
        _ALSO,
        "Noor has seen the sea twice before. She has the keys to the **lighthouse** now, and likes "
        "the stairs.",
        (
            ("Meet the keeper", "keeper", ""),
            ("The stairs", "stairs", ": we have counted them"),
            ("Open days", "open-days", " this autumn"),
        ),
    ),
    Issue(
        "Regatta: the results, and the excuses",
        "One mast, two collisions, no hard feelings.",
        _ALSO,
        "Thirty-one boats, a good wind, and the best **excuses** in years.",
        (
            ("See the results", "regatta", ""),
            ("All the excuses", "excuses", ", in order"),
            ("Lost on the quay", "lost", ": a hat, a tooth, a trumpet"),
        ),
        1.2,
    ),
    Issue(
        "How to read a chart upside down",
        "For those who steer from the bow.",
        _ALSO,
        "It is easier than you think, and sometimes safer. A short course in **charts**.",
        (
            ("Begin the course", "charts", ""),
            ("Depths have changed", "depths", " at the south pier"),
            ("The café is open", "cafe", " until nine"),
        ),
        0.9,
    ),
)

# One a month, the newest first.
MONTHLY: Final = (
    Issue(
        "Leek and potato, as the pilots have it",
        "Forty minutes, one pot.",
        "Also in the kitchen",
        "The pilots' **soup** has fed three generations at four in the morning.",
        (
            ("Get the recipe", "soup", ""),
            ("What goes with it", "bread", ": a bread that needs no kneading"),
            ("The cook answers", "cook", " five questions"),
        ),
    ),
    Issue(
        "Pears, before the wasps get them",
        "A cake and a quick pickle.",
        "Also in the kitchen",
        "There is one week in the year for **pears**, and it is this one.",
        (
            ("Get the recipe", "pears", ""),
            ("The quick pickle", "pickle", ", for those with more pears"),
            ("Knives", "knives", " sharpened on Saturdays"),
        ),
        1.1,
    ),
    Issue(
        "Mackerel on a stick",
        "A fire, some salt, and patience.",
        "Also in the kitchen",
        "All you need is a beach, a **mackerel**, and somebody who can light a fire.",
        (
            ("Get the recipe", "mackerel", ""),
            ("How to light a fire", "fire", " in the wind"),
            ("Where fires are allowed", "beaches", ": a map"),
        ),
        0.95,
    ),
)
