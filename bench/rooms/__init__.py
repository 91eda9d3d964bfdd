"""Measures whether every room with a human has one agent: Roomkeeper with its registry, and LiveKit alone."""
