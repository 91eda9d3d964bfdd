"""What to do about a room: at most one thing. Pure."""
