"""The chain as a discrete-event simulation: where it saturates, what then waits, and for what."""
