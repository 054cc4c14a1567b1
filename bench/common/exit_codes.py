"""What the exit codes of all sub-commands mean."""

DONE = 0
REGRESSION = 1
BAD_INPUT = 2
FAILURES = 3
NOT_COMPARABLE = 4
INTERRUPTED = 130
TERMINATED = 143
