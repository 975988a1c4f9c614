"""Tests of reading a mail."""
