"""The version of this program, as manifests name it."""

#: pyproject.toml reads it from here, so that no command looks up package metadata at start.
VERSION = "0.1.0"
