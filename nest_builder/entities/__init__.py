"""Entities: finding their names, linking them, reading what articles state about them, and deciding what is new."""
