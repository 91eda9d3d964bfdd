"""The page for people: the System Status Panel, an agent's page, what operators do."""

from registry.page.files import static_files
from registry.page.routes import page_router

__all__ = ["page_router", "static_files"]
