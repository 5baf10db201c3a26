"""Items 6 and 7: who takes what is about to move, and the shadow workflow."""
