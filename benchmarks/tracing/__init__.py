"""The folder that `benchmarks.trace` puts on a function's path to trace it."""
