"""The client: Chat Completions over httpx, on one I/O thread."""
