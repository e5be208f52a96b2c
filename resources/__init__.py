"""How the outside is reached: the lake, Ray, Spark, the encoder, the gates.

The engines read the variables below when they are imported, so this is the one package that acts on import: a module
of this room is always imported after it, and no module of another room imports an engine by itself.
"""

import os

_ENGINE_ENVIRONMENT = {
    # `uv run` would re-create the environment in each worker.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray Data's own actors make Ray 2.60 print an alarming line about their restarts on every run.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GX_ANALYTICS_ENABLED": "false",
}
if os.environ.get("RAY_ADDRESS", "local") == "local":
    # Loopback keeps other machines out, not this machine's other users (resources/engines/ray.py has the token). A
    # cluster says itself what it wants.
    _ENGINE_ENVIRONMENT["RAY_AUTH_MODE"] = "token"
    # A Ray of one machine: with "no cluster" Ray 2.60 binds all its ports to loopback, otherwise to every interface.
    # The variable is named after the systems where that is the default.
    _ENGINE_ENVIRONMENT["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
for _name, _value in _ENGINE_ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
