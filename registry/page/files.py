"""Style sheets, scripts and pictures of the page."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class _Files(StaticFiles):
    """Browsers ask each time whether a file is still the same, so that a new version is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, in its compressed form where the browser takes that and the build has made one."""
        if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return await super().get_response(path, scope)
        _, found = await asyncio.to_thread(self.lookup_path, f"{path}.gz")
        if found is None:
            return await super().get_response(path, scope)
        response = await super().get_response(f"{path}.gz", scope)
        if response.status_code == 200:
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        response.headers["Vary"] = "Accept-Encoding"
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def static_files() -> StaticFiles:
    """What is served at `/static`."""
    return _Files(directory=Path(__file__).parent / "static")
