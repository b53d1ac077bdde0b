"""Webhooks for merchants, as the API shows them."""
