"""Containers: how the bytes of a file become raw records, one file each."""
