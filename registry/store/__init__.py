"""Keeps agents, sessions, rooms and their history in SQLite or PostgreSQL. The only place with SQL."""

from registry.store.errors import StoreError
from registry.store.keeper_lock import KeeperLock
from registry.store.profiles import Profiles
from registry.store.rooms import Rooms
from registry.store.sessions import Sessions
from registry.store.sqlite import sqlite_url
from registry.store.store import Store
from registry.store.wishes import Wishes

__all__ = ["KeeperLock", "Profiles", "Rooms", "Sessions", "Store", "StoreError", "Wishes", "sqlite_url"]
