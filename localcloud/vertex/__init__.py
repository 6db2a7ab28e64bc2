"""The Vertex AI endpoints that the product calls, over their own protocol: ``python -m localcloud.vertex``.

A pipeline job's compiled spec is run by kfp's own local runner.
Jobs live in memory: what outlasts the server is what they wrote, and a job that was cut off ends with its server.
"""
