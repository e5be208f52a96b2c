"""Where things lie: a local disk or an object store, by one address, and what stays on this machine."""
