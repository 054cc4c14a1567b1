"""Tables and figures: pure functions of the measured cells."""
