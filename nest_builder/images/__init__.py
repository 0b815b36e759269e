"""Pictures from the web: decoding what strangers send, hashing it, and finding copies."""
