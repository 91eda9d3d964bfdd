"""The agent service: chat over HTTP with whatever language model answers."""
