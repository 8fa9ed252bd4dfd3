"""What edge and hub say to each other, and the rules that both apply. Pure: no clock, file, socket or log."""
