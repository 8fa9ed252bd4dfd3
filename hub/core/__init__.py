"""Decisions of the hub. Pure: facts and an instant in, a value out."""
