"""Joins the rest: the crank, the daemon, settings and the catalog of plugs."""
