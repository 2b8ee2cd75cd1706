"""Did heat predict? Snapshots held against the prices that followed."""
