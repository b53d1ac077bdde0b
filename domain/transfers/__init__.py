"""Transfers: shares that are released go to their vendors' accounts at the PSP, and what is reclaimed comes back."""
