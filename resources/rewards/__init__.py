"""How a reward is asked: a user's function in a process of its own, an endpoint, a column of rewards."""
