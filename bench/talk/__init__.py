"""Measures the talk page in a headless browser: from a click to the agent's voice, captions, reloads, killed agents."""
