"""The PSP we play against: a small, stateful, honest Stripe with hosted pages, signed webhooks, a clock and faults.

It knows nothing of our product; the two agree only through HTTP.
"""

from sandbox.app import create_app

__all__ = ["create_app"]
