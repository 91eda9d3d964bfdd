"""Real calls: livekit-server, the local models, a worker and callers who speak."""
