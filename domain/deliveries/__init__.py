"""Telling merchants' servers what happened: endpoints, the messages for them, and their attempts."""
