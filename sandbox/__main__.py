"""python -m sandbox --port 12111 --state var/sandbox.sqlite"""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from sandbox.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox", description="A sandbox PSP that speaks Stripe's API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--state", type=Path, help="SQLite file to remember in (default: memory only)")
    parser.add_argument("--public-url", help="where payers reach the hosted pages (default: the request's Host)")
    parser.add_argument("--webhook-timeout", type=float, default=10.0, metavar="SECONDS")
    args = parser.parse_args()
    app = create_app(state=args.state, public_url=args.public_url, webhook_timeout=args.webhook_timeout)
    uvicorn.run(app, host=args.host, port=args.port, log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
