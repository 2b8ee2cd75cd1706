"""The verbs, pure: records in, records out."""
