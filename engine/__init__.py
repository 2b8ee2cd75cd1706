"""The house of `hot`: records, kernels, stages, world, ledger and the runs that join them."""
