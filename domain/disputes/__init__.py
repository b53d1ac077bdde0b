"""Disputes: observed, answered, and never let run out unseen; and early warnings of fraud."""
