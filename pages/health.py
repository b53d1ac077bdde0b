"""Whether the process lives, and whether it can work."""

import asyncio

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kit.database import reading


async def healthz(_request: Request) -> Response:
    """GET /healthz: the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """GET /readyz: 200 when the database answers, else 503. Without Redis payments go on, only live news is slower."""
    database, redis = await asyncio.gather(_database(), _redis(request))
    ready = database == "ok"
    body = {"status": "ready" if ready else "not ready", "database": database, "redis": redis}
    return JSONResponse(body, 200 if ready else 503)


async def _database() -> str:
    try:
        async with asyncio.timeout(3):
            await reading.fetch_one("SELECT 1")
    except Exception as error:
        return f"unavailable ({type(error).__name__})"
    return "ok"


async def _redis(request: Request) -> str:
    try:
        async with asyncio.timeout(1):
            await request.app.state.house.redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return f"unavailable ({type(error).__name__})"
    return "ok"
