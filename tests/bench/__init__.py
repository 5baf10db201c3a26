"""`make bench`: speed, memory and start-up, each as a ratio of two things measured in one run."""
