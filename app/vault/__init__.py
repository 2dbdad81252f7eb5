"""Secrets: in the operating system's keyring, else in an encrypted file."""
