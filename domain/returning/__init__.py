"""A payer comes back from the hosted page."""
