"""What RL prompts ask, and how their answers are verified: kernels of the audits of prompts."""
