"""A drop on its way into the lake: taken in by Ray tasks, admitted or rejected."""
