"""Encoders and vision-language models: found, hashed, loaded safely, asked on Ray."""
