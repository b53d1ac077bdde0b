"""Subscriptions: what may be done with them, what the PSP says of them, what customers may use because of them."""
