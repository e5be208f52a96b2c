"""How the outside is reached: the lake, Ray, Spark, the encoder, the gates."""
