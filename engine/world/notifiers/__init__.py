"""Who is told, one file a notifier."""
