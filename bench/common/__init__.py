"""What every package may use: progress, provenance, seeds, exit codes."""
