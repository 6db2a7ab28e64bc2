"""Evaluate the describer on pictures with known content."""
