"""Static files: our own are asked for by the hash of what they hold, so browsers may keep them for good."""

import hashlib
from functools import cache
from os import PathLike, stat_result
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def asset(name: str) -> str:
    """The address of a static file, with its hash."""
    return f"/static/{name}?v={_hash(STATIC / name)}"


@cache
def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Assets(StaticFiles):
    """With the right hash a file is for good; without, a browser asks each time whether it has changed."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(full_path)
        response = super().file_response(full_path, stat_result, scope, status_code)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        forever = given is not None and given == [_hash(path)]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if forever else "no-cache"
        # The machine's own table of types cannot be relied on.
        if path.suffix in _TYPES and response.status_code == 200:
            response.headers["Content-Type"] = f"{_TYPES[path.suffix]}; charset=utf-8"
        return response
