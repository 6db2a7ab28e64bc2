"""What the functions share: ids, states, documents, messages, events, errors, settings and log lines.

Only the standard library is imported, since every cold start pays for the imports.
"""
