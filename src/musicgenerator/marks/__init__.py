"""Content credentials (C2PA): a signed manifest inside a file says that an AI made it, and from what.

The same facts, bytes and signer give the same manifest: it has no time and nothing random. docs/decisions/0037 says why
this package writes manifests itself; tests and `make verify` read them with c2pa-python.
"""
