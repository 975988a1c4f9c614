"""What leaves the store: people on request, and whatever is older than the site keeps."""
