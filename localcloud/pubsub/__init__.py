"""Pub/Sub beside its emulator: deliveries, publishing, the scheduler."""
