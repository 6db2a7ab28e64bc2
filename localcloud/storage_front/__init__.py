"""A proxy in front of fake-gcs-server that refuses what Cloud Storage refuses and forwards the rest unchanged."""
