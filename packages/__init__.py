"""What packages are made of, beside the program: `make deb`."""
