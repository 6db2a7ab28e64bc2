"""The operator's commands, for the local cloud and for deployed projects.

``operate.sh`` and ``operate_local.sh`` set the environment variables that they read.
"""
