"""Who it was that opened or clicked: a person, a proxy, a prefetcher or a scanner. Pure.

`judge` takes hits and says of each what it takes it for, and why. It looks at one hit alone (what
its program says of itself, and whether its headers agree) and at hits together (what can one
person's two hands do in two seconds?). It never drops a hit and stores nothing; docs/verdicts.md
explains every signal and what cannot be known.

    verdicts    the words: Verdict, Evidence, Judgement
    agents      what a user agent says of itself
    networks    whose network an address lies in
    alone       what one hit says by itself
    headers     whether its headers agree with its program's name
    visits      what hits on one mail say of each other: too early, too many at once
    beside      who follows a link at the moment at which another program does
    sweeps      who follows all links, one after the other
    company     who is near to a machine
    parties     what a network or program does in many people's mail: a machine's ways, or people's
    signs       what each click adds to that
    rounds      what it does from mail to mail, one after the other
    clocks      who does so like a clock
    crowds      who goes from mail to mail, and who was a machine on most of it
    pulse       lets a long judgement be ended before its time
    docket      the points that speak against and for each hit
    judging     the order of it all
    lines bulk  hits in files, for manage.py classify_hits
"""

from tracking.classify.judging import judge
from tracking.classify.verdicts import PEOPLE, RULES, WINDOW, Evidence, Judgement, Verdict

__all__ = ["PEOPLE", "RULES", "WINDOW", "Evidence", "Judgement", "Verdict", "judge"]
