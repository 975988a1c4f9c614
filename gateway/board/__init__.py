"""Tickets as mails in folders the agents share."""
