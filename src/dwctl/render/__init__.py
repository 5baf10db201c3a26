"""How results are shown. A result knows nothing of text; a renderer is looked up by name."""
