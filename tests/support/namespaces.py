"""Whether this machine lets a process leave its network."""

import subprocess
import sys
from functools import cache


@cache
def network_can_be_left() -> bool:
    """Tried in a process of its own."""
    tried = "import sys; from resources.rewards.child import leave_network; sys.exit(not leave_network())"
    return subprocess.run([sys.executable, "-c", tried], check=False).returncode == 0
