"""Keeps conversations in SQLite or PostgreSQL. The only place of the service with SQL."""

from service.store.errors import StoreError
from service.store.records import Key, Limits, Message, Turn
from service.store.sqlite import sqlite_url
from service.store.store import Store

__all__ = ["Key", "Limits", "Message", "Store", "StoreError", "Turn", "sqlite_url"]
