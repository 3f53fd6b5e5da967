"""Changes to the code at random, to see which the tests notice: `python -m tests.mutate`."""
