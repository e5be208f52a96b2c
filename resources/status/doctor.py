"""What a run needs of this machine, looked at one by one: what is there, whether it will do, and what to do if not."""

import ipaddress
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from ops.audits.registry import all_audits
from ops.core.schemas import DROPS
from resources.config.places import is_address
from resources.config.settings import Settings
from resources.engines.java import MISSING, find_java
from resources.engines.listening import listeners
from resources.engines.private import FOLDER, TOKEN, is_open
from resources.lake.tables import Lake
from resources.models.encoder_source import device_of, precision_of
from resources.models.likelihood import likelihood_identity
from resources.status.reaching import parts_of_cluster, why_unreachable

State = Literal["good", "poor", "bad"]
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Ray keeps objects
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
#: Memory that Python, torch and the encoder take beside Spark's heap and Ray's store.
_BESIDE_BYTES = 1500 * 10**6
_LEAST_FREE_BYTES = 2 * 10**9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `poor` will do, with the fix as advice; `bad` stops a run, or leaves it open to others."""

    subject: str
    state: State
    detail: str
    fix: str = ""


def examine(lake: str, settings: Settings, *, about: Collection[str] | None = None) -> Iterator[Finding]:
    """The findings (`about` some subjects alone), in the order in which a run would meet what they are about."""
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "java": _java,
        "cores": lambda: _cores(settings),
        "memory": lambda: _memory(settings),
        "gpu": lambda: _gpu(settings),
        "encoder": lambda: _encoder(settings),
        "lake": lambda: _lake(lake),
        "private folder": lambda: _private(lake),
        "ray": _ray,
        "spark": lambda: _spark(settings),
        "cluster": lambda: _cluster(settings),
        "listening": _listening,
    }
    for subject, look in looks.items():
        if about is not None and subject not in about:
            continue
        try:
            yield from look()
        except Exception as error:  # Each library has errors of its own, and the rest is still to be looked at.
            yield Finding(subject, "bad", (str(error).strip() or repr(error)).splitlines()[0], "see the message")


def _java() -> Iterator[Finding]:
    java = find_java()
    if java is None:
        yield Finding("java", "bad", "none that Spark runs on", MISSING)
    else:
        yield Finding("java", "good", f"Java {java.release} at {java.home}")


def _cores(settings: Settings) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    wanted = max(settings.ray.num_cpus or 0, settings.spark.cores)
    if wanted > cores:
        fix = "lower ray.num_cpus and spark.cores, or leave them to the machine (null and 0)"
        yield Finding("cores", "poor", f"{cores}, of which the settings want {wanted}", fix)
    else:
        yield Finding("cores", "good", str(cores))


def _memory(settings: Settings) -> Iterator[Finding]:
    total = min(_installed_bytes(), _granted_bytes())
    store = settings.ray.object_store_mb * 10**6
    needed = _bytes(settings.spark.memory) + store + _BESIDE_BYTES
    state: State = "good" if total >= needed else "bad"
    fix = "" if state == "good" else "lower spark.memory and ray.object_store_mb, or give the machine more"
    yield Finding("memory", state, f"{_gb(total)}, of which a run takes about {_gb(needed)}", fix)
    if _SHARED_MEMORY.is_dir():
        free = shutil.disk_usage(_SHARED_MEMORY).free
        if free < store:
            detail = f"{_gb(free)} free in {_SHARED_MEMORY}, {_gb(store)} wanted by ray.object_store_mb"
            yield Finding("shared memory", "poor", detail, "give the container more (--shm-size), or lower the setting")


def _gpu(settings: Settings) -> Iterator[Finding]:
    device = device_of(settings.encoder)
    if device == "cpu":
        advice = "" if settings.encoder.model == "mini" else "a GPU makes any encoder but mini many times as fast"
        yield Finding("gpu", "poor" if advice else "good", "none is used", advice)
        return
    import torch

    name = torch.cuda.get_device_name(torch.device(device))
    yield Finding("gpu", "good", f"{device}: {name}, in {precision_of(settings.encoder)}")


def _encoder(settings: Settings) -> Iterator[Finding]:
    from resources.models.encoder import load_encoder  # imports torch

    yield Finding("encoder", "good", f"{load_encoder(settings.encoder).identity}, loaded and checked")
    asking = [audit.name for audit in all_audits().values() if audit.uses_likelihoods]
    references: list[str] = [settings.audit(name).vlm for name in asking]
    for reference in dict.fromkeys(filter(None, references)):
        name = likelihood_identity(reference, precision=precision_of(settings.encoder))
        yield Finding("vision-language model", "good", f"{reference}: {name}")


def _lake(place: str) -> Iterator[Finding]:
    lake = Lake(place)
    drops = "a lake is there" if lake.version(DROPS) >= 0 else "none yet"
    if is_address(place):
        trial = f".trial-{uuid4().hex}"
        lake.storage.write(trial, b"")
        lake.storage.remove(trial)
        yield Finding("lake", "good", f"{lake.root}: {drops}, writable")
        return
    folder = Path(lake.root)
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        fix = f"give this user the right to write in {folder}, or name another place with --lake"
        yield Finding("lake", "bad", f"{lake.root}: cannot be written ({error.strerror})", fix)
        return
    state: State = "good" if free >= _LEAST_FREE_BYTES else "poor"
    fix = "" if state == "good" else "make room there (`assay vacuum`), or name another place with --lake"
    yield Finding("lake", state, f"{lake.root}: {drops}, writable, {_gb(free)} free", fix)


def _private(place: str) -> Iterator[Finding]:
    folder = Path(Lake(place).root) / FOLDER
    if is_address(place) or not folder.exists():
        yield Finding("private folder", "good", "made with the first run")
        return
    for path, mode in ((folder, "700"), (folder / TOKEN, "600")):
        if path.exists() and is_open(path):
            has = f"{path} has the mode {path.stat().st_mode & 0o777:o} and belongs to the user {path.stat().st_uid}"
            yield Finding("private folder", "bad", has, f"chmod {mode} {path}, or remove it if it is another user's")
            return
    yield Finding("private folder", "good", f"{folder}, closed to other users")


def _ray() -> Iterator[Finding]:
    address, mode = os.environ.get("RAY_ADDRESS", "local"), os.environ.get("RAY_AUTH_MODE", "disabled")
    where = "on this machine, on loopback" if address == "local" else f"the cluster at {address}"
    if mode == "token":
        yield Finding("ray", "good", f"{where}, with a token")
        return
    fix = "unset RAY_AUTH_MODE" if address == "local" else "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN on every node"
    yield Finding("ray", "bad", f"{where}, without a token: whoever reaches it runs code as this user", fix)


def _spark(settings: Settings) -> Iterator[Finding]:
    options = settings.spark.options or {}
    if not settings.spark.master:
        off = str(options.get("spark.authenticate", "true")).lower() != "true"
        fix = "remove spark.authenticate from spark.options" if off else ""
        detail = "on this machine, without a secret" if off else "on this machine, with a secret"
        yield Finding("spark", "bad" if off else "good", detail, fix)
    elif str(options.get("spark.authenticate", "")).lower() == "true":
        yield Finding("spark", "good", f"the cluster at {settings.spark.master}, with a secret")
    else:
        fix = "set spark.authenticate and spark.authenticate.secret in spark.options, as the cluster has them"
        yield Finding("spark", "bad", f"the cluster at {settings.spark.master}, without a secret", fix)
    host = settings.spark.driver_host
    if not settings.spark.master and not _is_loopback(host):
        yield Finding("spark", "bad", f"its driver listens on {host}", "set spark.driver_host to 127.0.0.1")


def _cluster(settings: Settings) -> Iterator[Finding]:
    for part in parts_of_cluster(settings.spark.master):
        place = f"{part.name} at {part.host}:{part.port}"
        if why := why_unreachable(part):
            fix = f"start it, let this machine through to it, or correct {part.named_by}"
            yield Finding("cluster", "bad", f"{place} takes no connection: {why}", fix)
        else:
            yield Finding("cluster", "good", f"{place} takes connections")


def _listening() -> Iterator[Finding]:
    ports = listeners()
    opened = [one for one in ports if not one.on_loopback]
    for port in opened:
        detail = f"{port.program} (process {port.pid}) on {port.address}:{port.port}, which other machines may reach"
        yield Finding("listening", "bad", detail, "end it, and start it bound to 127.0.0.1")
    if not opened:
        programs = sorted({one.program for one in ports})
        detail = (
            f"{len(ports)} ports of {', '.join(programs)}, on loopback alone" if ports else "nothing, for no run is on"
        )
        yield Finding("listening", "good", detail)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _installed_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _granted_bytes() -> int:
    """What the container may take; all of it where there is no limit."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text("ascii").strip() if limit.exists() else ""
    return int(text) if text.isdigit() else _installed_bytes()


def _bytes(size: str) -> int:
    """A size as Java writes it: 2g, 512m; plain numbers are bytes."""
    number, unit = size.strip().lower().removesuffix("b"), ""
    if number and number[-1] in _UNITS:
        number, unit = number[:-1], number[-1]
    return int(number) * _UNITS.get(unit, 1)


def _gb(size: int) -> str:
    return f"{size / 10**9:.1f} GB"
