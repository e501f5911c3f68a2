"""The edge's own pages, for links that can't be followed. Constants: nothing can make them fail."""

from typing import Final

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_FRAME: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --paper: #fff; --ground: #f4f5f7; --ink: #1c2430;
  --soft: #4a5565; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #1b2130; --ground: #11151f; --ink: #eef1f6; --soft: #b4bdcb; }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  box-sizing: border-box; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
main {{ max-width: 32rem; padding: 2.25rem; border-radius: .875rem; background: var(--paper);
  box-shadow: 0 1px 3px rgb(0 0 0 / .12); }}
h1 {{ margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }}
p {{ margin: .75rem 0 0; color: var(--soft); }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{text}
</main>
</body>
</html>
"""

NOT_FOUND: Final = _FRAME.format(
    title="This link does not work",
    text="""<p>Part of it is missing, or it was changed on its way to you. Mail programs sometimes
break long links over two lines.</p>
<p>Please open the mail again and click the link there, or copy the whole address from it.
If that does not help, reply to the mail: whoever sent it can tell you where the link leads.</p>""",
)

NOWHERE: Final = _FRAME.format(
    title="This link leads nowhere any more",
    text="""<p>It was made for one reader, and what we know of them now is not enough to say where
it leads.</p>
<p>If you miss something, reply to the mail: whoever sent it can help.</p>""",
)

TRY_AGAIN: Final = _FRAME.format(
    title="One moment, please",
    text="""<p>The link is right, but we can't look up where it leads at the moment.</p>
<p>Please load this page again in a few seconds.</p>""",
)
