"""Importing: a plan carried out, bundle by bundle, each sent, settled, compared and proven."""
