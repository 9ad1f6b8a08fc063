"""The agent as a service of its machine: systemd's units, or a service of Windows."""
