"""The status page: customers see their own tickets; a link in a mail does one thing.

GET never acts. No page tells whether an address, a ticket or an access exists to anybody it does
not belong to.
"""
