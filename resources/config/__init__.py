"""The one typed tree of settings, read from `assay.yaml`."""
