"""Benchmarks: each compares side by side in one run and gives a ratio."""
