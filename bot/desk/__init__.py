"""The coordinator's desk: what a coordinator sees and decides in their own chat."""
