"""Looks at a picture and writes the musical brief for it, on a CPU, without any service."""
