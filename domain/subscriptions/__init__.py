"""Subscriptions: how they begin, change and end, and what the PSP says of them."""
