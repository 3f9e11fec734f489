"""What to ask, and what follows from a reply. Pure: no clock, no ids, no network; only `loader` reads a disk."""
