"""The local cloud's small HTTP servers."""
