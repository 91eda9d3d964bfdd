"""Adds status calls to existing Python programs, and changes nothing else in them."""

from cli.integration.errors import CannotIntegrateError
from cli.integration.files import Outcome, backup_path, integrate_file
from cli.integration.rewriting import integrate_source

__all__ = ["CannotIntegrateError", "Outcome", "backup_path", "integrate_file", "integrate_source"]
