"""Chat with any language model, at home in the notebook."""

__version__ = "0.1.0"
