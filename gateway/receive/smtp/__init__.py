"""Receiving by SMTP and LMTP."""
