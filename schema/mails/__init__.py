"""Mail to payers and merchants, as the API shows it."""
