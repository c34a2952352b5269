"""Looks for bytes that a server might send and nbchat would trip over: ``make fuzz``."""
