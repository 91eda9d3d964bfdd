"""Find servers of language models: on hosts and ports, in Docker's containers, and in a backend's list."""

from llm.discovery.finding import Discovery, Found

__all__ = ["Discovery", "Found"]
