"""Ray, Spark and its Java, started once a process, and the progress that they report."""
