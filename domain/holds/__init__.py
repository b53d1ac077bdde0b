"""Holds: captured money that waits for its release, or goes back to the payer."""
