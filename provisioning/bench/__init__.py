"""The rig: a hub and simulated clusters as real processes, scenarios, and the judge that listens to the horns."""
