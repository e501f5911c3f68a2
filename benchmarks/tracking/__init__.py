"""How fast hits are answered and stored, and how fast reports of them open.

Promise: a number is printed only when everything that was answered is stored, and everything that
went in came out. Both sides of a ratio are measured in the same run and alternate for some rounds;
the ratio is the median of the rounds' ratios.

Each leg is a module of its own name, which says what it measures and against what: `edge`,
`ingest`, `reports`.
"""
