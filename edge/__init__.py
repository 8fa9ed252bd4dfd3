"""The program on one cluster: it decides from values what should be on air, and acts on that."""
