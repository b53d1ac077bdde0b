"""Payment links: made by merchants, opened by whoever has the address, paid like any other order."""
