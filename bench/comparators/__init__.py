"""The ceilings: the barest programs that do the same, under the same server."""
