"""The operator's commands, on the local cloud or on a deployed project."""
