"""Stages handed to workers of this machine or of a cluster."""
