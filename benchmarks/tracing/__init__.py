"""What is put on the path of a function to trace it."""
