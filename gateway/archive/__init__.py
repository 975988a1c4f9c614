"""Old mail taken in: from files, mbox and Maildir."""
