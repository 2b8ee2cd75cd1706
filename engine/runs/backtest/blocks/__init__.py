"""The block path: the same decisions as fact by fact, found by kernels over columns; records are made where something
happens only."""
