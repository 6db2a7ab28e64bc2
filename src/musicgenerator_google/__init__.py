"""Adapters to Google's clients that more than one function needs: one module a client, imported only where used.

They are separate from `musicgenerator`, which needs only the standard library; both are staged.
"""
