"""Tests of the methods; a package, so that its conftest has a name of its own."""
