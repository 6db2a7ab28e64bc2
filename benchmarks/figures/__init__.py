"""Figures of a score and of finished audio; docs/engines.md defines each so that a reader can recompute it."""
