"""What the tests share: virtual time, a world to act in, real processes to start."""
