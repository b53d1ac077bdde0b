"""Subscriptions and entitlements, as the API shows them."""
