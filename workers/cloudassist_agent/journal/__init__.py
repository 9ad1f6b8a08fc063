"""The journal: what an agent knows of its records, on its own disk."""
