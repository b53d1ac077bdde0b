"""The database: connecting, one transaction at a time, raw statements, migrations.

Statements and units of work speak to the connection that Tortoise calls "default".
"""
