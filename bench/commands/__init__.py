"""The sub-commands: options and printing, one module each; no logic."""
