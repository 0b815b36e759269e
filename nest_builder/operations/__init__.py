"""Running it for years: logs, metrics, back-ups, garbage, room on the disk, secrets."""
