"""Referring segmenters: a picture and a text in, a mask out."""
