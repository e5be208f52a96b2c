"""Audits run over deliveries (Ray) and over the corpus (Spark)."""
