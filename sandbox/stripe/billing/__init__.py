"""Stripe Billing: subscriptions, their invoices, and the test clocks that they run on."""
