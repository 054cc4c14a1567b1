"""An experiment as a TOML file says it, and the grid that it spans."""
