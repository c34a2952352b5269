"""From Python functions and types to what a model can call and answer with, and back: no session, no client, no notebook."""
