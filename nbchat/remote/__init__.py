"""Tools that live in servers of their own, reached over the Model Context Protocol (MCP)."""
