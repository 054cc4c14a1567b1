"""Tests of the inspection of a store; a package, so that its conftest has a name of its own."""
