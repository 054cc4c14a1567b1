"""What every package may use: provenance, exit codes."""
