"""Measures how long a word takes when language models fail, come and go: ours, and LiveKit's fallback adapter."""
