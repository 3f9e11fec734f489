"""The running process: doors in, doors out, and where they are wired."""
