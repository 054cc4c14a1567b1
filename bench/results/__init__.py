"""Measured cells, what they are of, and the way to their maps."""
