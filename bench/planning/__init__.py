"""What an experiment comes to on this machine: its inputs, its stages and their order."""
