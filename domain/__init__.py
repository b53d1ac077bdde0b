"""What the business does: verbs that know no web, no GraphQL, no queue and no PSP's SDK."""
