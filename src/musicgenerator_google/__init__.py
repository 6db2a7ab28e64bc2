"""Adapters to Google's clients for all functions, one module per client; each is imported only where it is used.

They are separate from `musicgenerator`, which needs only the standard library. Both packages are staged.
"""
