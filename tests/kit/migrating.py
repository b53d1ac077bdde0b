"""Run by tests as a process of its own: `python -m tests.kit.migrating URL` migrates and prints what it applied."""

import asyncio
import sys

from kit.database.migrate import migrate

if __name__ == "__main__":
    print(asyncio.run(migrate(sys.argv[1], models=["tests.kit.models"], migrations="tests.kit.migrations")))
