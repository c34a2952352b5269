"""The public names as a type checker sees them: never run, only read by mypy."""

import nbchat

version: str = nbchat.__version__
