"""How the machine and a lake stand, for a person who asks."""
