"""`make bench`: speed, memory and start-up, each as a ratio of two things measured in one run."""

import sys
from pathlib import Path

# As in the tests: what is shared among them is imported by its own name.
sys.path.append(str(Path(__file__).parents[1]))
