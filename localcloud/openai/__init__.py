"""OpenAI's API on this machine, answered by an offline describer."""
