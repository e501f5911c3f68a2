"""The text part says what the HTML says, and its tags make the same of a reader's values."""

import pytest

from newsletter.composing import plaintext
from newsletter.composing.links import Links
from newsletter.templating import text_environment


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<h1>Title</h1><p>One\n  two</p><p>three<br>four</p>",
            "Title\n\nOne two\n\nthree\nfour\n",
        ),
        ("<ul><li>a</li><li><p>b</p></li></ul>after", "- a\n- b\n\nafter\n"),
        ("<ol start='3'><li>a<ul><li>x</li></ul></li><li>b</li></ol>", "3. a\n  - x\n4. b\n"),
        ("a <b>bold</b>, <i>it</i>.", "a bold, it.\n"),
        ('<a href="https://e.org/">the site</a>.', "the site <{{ link_0 }}>.\n"),
        ('see <a href="https://e.org/">https://e.org/</a> now', "see {{ link_0 }} now\n"),
        ('<a href="mailto:a@e.org">a@e.org</a>', "a@e.org\n"),
        ('<a href="https://e.org/"><img src="x" alt="A cat"></a>', "A cat <{{ link_0 }}>\n"),
        ('<a href="#top">up</a>', "up\n"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>", "a b\nc d\n"),
        ("<blockquote><p>said</p><p>again</p></blockquote>x", "> said\n\n> again\n\nx\n"),
        ("<pre>a\n  b\n</pre>c", "a\n  b\n\nc\n"),
        ("<style>p{}</style><script>x</script><!-- note --><p>a</p>", "a\n"),
        ("a<hr>b", f"a\n\n{'-' * 40}\n\nb\n"),
        ("&lt;b&gt; &amp; &#123;&#123; x }}", "<b> & {{ x }}\n"),
        ("", "\n"),
    ],
)
def test_html_becomes_text(html, text):
    made = plaintext.to_text(html, Links())

    values = {"link_0": "{{ link_0 }}"}
    assert text_environment.from_string(made).render(values) == text


def test_tags_stay_where_they_are():
    html = (
        "<p>A</p>{% if x %}<p>B {{ name }}</p>{% endif %}"
        "<ul>{% for i in l %}<li>{{ i }}</li>{% endfor %}</ul><p>C</p>"
    )

    template = text_environment.from_string(plaintext.to_text(html, Links()))

    full = template.render(x=True, name="<N>", l=[1, 2])
    assert full == "A\n\nB <N>\n\n- 1\n- 2\n\nC\n"
    assert template.render(x=False, l=[]).split() == ["A", "C"]
