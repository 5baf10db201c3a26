"""Where exports are kept: folders and object stores with a manifest, and the proof of them years later."""
