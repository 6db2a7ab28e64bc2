"""The parts of Vertex AI's REST API that the product calls: ``python -m localcloud.vertex``.

kfp's local runner runs a pipeline job's compiled spec.
Jobs are kept in memory, and those that run end with the server; what they wrote stays.
"""
