"""A local server of OpenAI's API with an offline describer."""
