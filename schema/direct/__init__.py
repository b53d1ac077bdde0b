"""Paying without a hosted page, as the API shows it."""
