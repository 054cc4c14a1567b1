"""Speed of the metrics, the store and the schedule: ``nox -s benchmark -- NAME``."""
