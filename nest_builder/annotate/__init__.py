"""Finds an entity in a picture and outlines it, and says how sure it is."""
