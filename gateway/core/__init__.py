"""The pure heart: values in, values out.

Nothing here awaits, reads a clock, draws a random number, opens a file or a
database, or imports a setting. Whatever a decision needs to know is handed in,
so every decision can be tested, and explained again later, from values alone.
"""
