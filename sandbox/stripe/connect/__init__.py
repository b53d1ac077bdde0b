"""Stripe Connect, as far as separate charges and transfers go: accounts, and transfers to them."""
