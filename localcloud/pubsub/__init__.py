"""What the Pub/Sub emulator lacks: push deliveries, dead letters and the scheduler."""
