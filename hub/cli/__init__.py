"""The verbs of `loaxa-hub`, one module a topic."""
