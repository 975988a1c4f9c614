"""Reading a mail, pure: bytes become a Message. Nothing here waits, opens a file or knows a ticket."""
