"""What the desk does with mails later on: people write, agents answer, days pass (built with `tests.room`)."""
