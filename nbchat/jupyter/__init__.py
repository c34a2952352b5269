"""What a notebook shows: the magics, the cell that streams, and how a model's text is made safe to draw."""
