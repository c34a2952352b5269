"""The live session that the cell magic, the panel and Python code share."""
