"""The hub's face: the API for programs and the page for people."""
