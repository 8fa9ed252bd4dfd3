"""What touches the world: link, card, loop."""
