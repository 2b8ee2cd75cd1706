"""One file a subcommand; `cli.main` lists them."""
