"""One immutable, sealed record for each finished stage."""
