"""Live streams of an exchange: sockets on a background thread, frames made facts, holes mended, one order of time."""
