"""Stripe Connect, as far as separate charges and transfers go: accounts, transfers to them, their payouts."""
