"""What the functions agree on: ids, states, documents, messages, events, errors, settings and log lines.

Standard library only, since every cold start pays for what is imported here.
"""
