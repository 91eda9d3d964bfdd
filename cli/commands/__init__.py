"""One file for each command: its options, and nothing that another would need."""
