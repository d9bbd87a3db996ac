"""The exit codes of every command."""

HELD = 0  # all held within the budget; the run, replay or comparison is as it should be
VIOLATED = 1  # something is wrong with the system; two traces differ
USAGE = 2  # wrong use, or input that cannot be read
DIVERGED = 3  # a replay diverged, or nondeterminism was found
INTERNAL = 4  # a bug of ours
INCONCLUSIVE = 5  # only with --require-complete
INTERRUPTED = 130  # Ctrl-C; what was found until then has been printed
