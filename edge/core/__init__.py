"""Pure decisions of the cluster: no clock, file, socket or log."""
