"""Deleting from a registry: what a plan is, and how it is carried out."""
