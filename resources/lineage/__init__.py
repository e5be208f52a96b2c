"""Events of OpenLineage: what was made of what, told to whoever collects it."""
