"""The local cloud: the whole product on one machine, with the protocols of Google Cloud."""
