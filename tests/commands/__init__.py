"""Tests of sub-commands; a package, so that its conftest has a name of its own."""
