"""The deployment: it compares an installation with what it should be, and changes what differs.

It uses gcloud, and only the standard library, so planning and destroying need no virtual environment.
"""
