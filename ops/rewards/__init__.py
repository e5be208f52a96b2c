"""What a reward is asked, and what its answers say of it: a reward of RL, audited before a run exploits it."""
