"""The Vertex pipeline and what runs in it: engines, mastering, encoding."""
