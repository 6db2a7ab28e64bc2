"""Serve a music model on a Vertex AI endpoint: ``python -m pipeline.model_server``, or the image of the Dockerfile.

It follows the contract for custom containers:
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""
