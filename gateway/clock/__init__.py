"""What happens by the clock: jobs, and what they need."""
