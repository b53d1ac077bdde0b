"""Invoices of subscriptions, and the orders and payments that they are."""
