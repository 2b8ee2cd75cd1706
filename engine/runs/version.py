"""The version of this program, as manifests name it."""

from importlib import metadata

try:
    VERSION = metadata.version("hotcoin")
except metadata.PackageNotFoundError:  # running from a checkout that is not installed
    VERSION = "0+checkout"
