"""The twins: what stands in for the cabinet on a bench. Chosen explicitly, never fallen back to."""
