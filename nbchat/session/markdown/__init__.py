"""A model's answer made safe to show: as Markdown for a notebook, as HTML where answers stand together, as text for a terminal."""

from nbchat.session.markdown.html import safe_html
from nbchat.session.markdown.reader import one_line, plain_text
from nbchat.session.markdown.safe import safe_markdown
from nbchat.session.markdown.writer import as_code, as_words

__all__ = ["as_code", "as_words", "one_line", "plain_text", "safe_html", "safe_markdown"]
