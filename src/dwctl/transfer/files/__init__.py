"""Bundles in files: found, named, unpacked, verified many at a time, and written so that nobody else can read them."""
