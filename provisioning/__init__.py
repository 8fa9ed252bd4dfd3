"""What technicians and developers run: the rig. Runs hub and edge as processes, and imports neither."""
