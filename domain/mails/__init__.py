"""Mail to payers and merchants: written here, and sent by the worker."""
