"""Where the examples are, and the first minute of the tests' bars."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
START = 1_618_531_200_000
