"""A discrete-event simulation of the chain: where it saturates, and what tracks then wait for."""
