"""How fast everything is: ``python -m benchmarks``, or ``nox -s benchmark``."""
