"""Items 1, 2, 3 and 9: what the embedded application answers, and the types of bundles and workers."""
