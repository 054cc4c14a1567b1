"""What the exit codes of all sub-commands mean."""

DONE = 0
BAD_INPUT = 2
FAILURES = 3
INTERRUPTED = 130
TERMINATED = 143
