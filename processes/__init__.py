"""Starts, stops and watches agent processes on this host."""
