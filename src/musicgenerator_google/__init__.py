"""Adapters to Google's clients that more than one function needs: one module a client, imported only where used.

They stand outside `musicgenerator`, which keeps to the standard library, and are staged beside it.
"""
