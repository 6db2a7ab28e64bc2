"""The local cloud: the whole product on one machine, over the protocols it speaks in Google Cloud."""
