"""Backups: one archive of all that a hub knows, its sounds beside it, and the way back."""
