"""The mini encoder: two towers that packages ship, and the heads over them that are trained here (MODEL_CARD.md)."""
