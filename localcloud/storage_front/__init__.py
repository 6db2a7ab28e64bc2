"""A front before fake-gcs-server that refuses what Cloud Storage would refuse, and passes on the rest unchanged."""
