"""Payouts: money on its way from vendors' accounts at the PSP to their banks, as the PSP tells of it."""
