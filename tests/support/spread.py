"""How tests are spread over pytest's workers: a module runs as a whole, and the modules of one engine on one worker, so
that Ray and Spark start once there and, once warm, stay warm."""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

#: How a module asks for an engine. Who asks for both goes with Spark, which is the slower to warm up.
ENGINES = {
    "spark": re.compile(r'\bspark: SparkSession|usefixtures\([^)]*"spark"'),
    "ray_session": re.compile(r'\bray_session: None|\bpublished: Published|usefixtures\([^)]*"ray_session"'),
}


@cache
def unit(module: Path) -> str:
    """The engine of a module, or else the module itself."""
    source = module.read_text("utf-8")
    return next((engine for engine, asked in ENGINES.items() if asked.search(source)), str(module))


class ByEngine(LoadScopeScheduling):
    """xdist's scheduler of whole units, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(self.config.rootpath / nodeid.partition("::")[0])
