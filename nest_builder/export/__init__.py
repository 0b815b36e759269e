"""Editions: what is published, in Hugging Face's and COCO's formats, with a card, schemas and a manifest."""
