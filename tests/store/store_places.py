"""The first minute of the tests' bars."""

START = 1_618_531_200_000
