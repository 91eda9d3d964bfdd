"""Keeps agents and the history of their status in SQLite or PostgreSQL. The only place with SQL."""

from registry.store.errors import StoreError
from registry.store.sqlite import sqlite_url
from registry.store.store import Store

__all__ = ["Store", "StoreError", "sqlite_url"]
