"""Receiving from IMAP folders."""
