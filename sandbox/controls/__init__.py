"""The controls under /sandbox/: how a test or a demo steers this PSP. Not part of what Stripe has."""
