"""The folder that is put on a function's path to trace it."""
