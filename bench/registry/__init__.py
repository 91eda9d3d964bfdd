"""Measurements of the registry: with a load on one core, and the server with its database on another."""
