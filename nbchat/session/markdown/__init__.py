"""A model's answer made safe to show: as Markdown for a notebook, as text for a terminal."""

from nbchat.session.markdown.reader import plain_text
from nbchat.session.markdown.safe import safe_markdown

__all__ = ["plain_text", "safe_markdown"]
