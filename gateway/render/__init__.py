"""From a decided notice to the bytes of a mail."""
