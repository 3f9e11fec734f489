"""What to ask, and what follows from a reply. Pure: no clock, no ids; only `loader` reads a disk."""
