"""The one API version that this sandbox speaks."""

API_VERSION = "2026-10-28.endive"
