"""Drivers for one Raspberry Pi cabinet, each with its simulated twin. Knows no schedule and no MQTT."""
