"""What the lake has of deliveries: measures, by audit and identity, and that everything is embedded.

Each is one commit with a name of its own; a name that is there says that its rows are.
"""

from collections.abc import Iterable, Mapping

from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.errors import MissingError
from ops.core.identity import fingerprint
from ops.core.measure_schemas import EMBEDDINGS
from resources.config.settings import Settings
from resources.gates.outcomes import measures_gates
from resources.intake.corpus_drops import admitted_drops
from resources.lake.tables import Lake
from resources.models.likelihood import model_identity


def row_audits() -> list[Audit]:
    """The audits that look at one delivery at a time."""
    return audits_of(Scope.ROW, Scope.DROP)


def row_identities(settings: Settings, encoder: str) -> dict[str, str]:
    """Identity of the measures of each row- and drop-scope audit under these settings and this encoder.

    The bank needs no identity of its own: it follows from the delivery, the encoder and its size. A vision-language
    model counts by its files, not by its name.
    """
    context = (encoder, settings.embedding.bank_size)
    identities: dict[str, str] = {}
    for audit in row_audits():
        chosen = settings.audit(audit.name)
        models = [model_identity(chosen.vlm, settings.encoder)] if audit.uses_likelihoods and chosen.vlm else []
        identities[audit.name] = audit.identity(chosen, *(context if audit.uses_vectors else ()), *models)
    return identities


def once(delivery: str, identity: str) -> str:
    """Name of the one commit that holds a delivery's measures of that identity."""
    return f"{delivery}/{identity}"


def unmeasured(lake: Lake, delivery: str, identities: Mapping[str, str]) -> list[str]:
    """Names of the audits whose measures of that delivery are not in the lake."""
    audits = all_audits()
    return [name for name, i in identities.items() if not lake.committed(audits[name].table, once(delivery, i))]


def unmeasured_drops(lake: Lake, *, settings: Settings, encoder: str) -> dict[str, list[str]]:
    """The admitted drops that are not embedded, or that some audit has not measured or no gate has judged, under these
    settings, with the names of what is missing."""
    identities = row_identities(settings, encoder)
    admitted = admitted_drops(lake)
    gates = measures_gates(lake, admitted.values(), identities=identities, settings=settings.gates)
    embedded = lake.committed_of(EMBEDDINGS, [_embedded(delivery, encoder) for delivery in admitted.values()])
    measured = {
        name: lake.committed_of(all_audits()[name].table, [once(delivery, i) for delivery in admitted.values()])
        for name, i in identities.items()
    }
    missing_by_drop: dict[str, list[str]] = {}
    for drop, delivery in admitted.items():
        missing = [] if _embedded(delivery, encoder) in embedded else [EMBEDDINGS.name]
        missing += [name for name, i in identities.items() if once(delivery, i) not in measured[name]]
        missing += [f"gate of {name}" for name in identities if name not in gates[delivery] and name not in missing]
        if missing:
            missing_by_drop[drop] = missing
    return missing_by_drop


def require_measures(lake: Lake, delivery: str, identities: Mapping[str, str]) -> None:
    """MissingError where some of these measures of the delivery are not in the lake; says which and what to run."""
    if missing := unmeasured(lake, delivery, identities):
        raise MissingError(
            f"delivery {delivery} is not measured by {', '.join(missing)} under these settings; run `assay run`, or "
            "backfill this partition of the measures"
        )


def record_embedded(lake: Lake, delivery: str, encoder: str) -> None:
    """Notes that all that the audits want embedded of the delivery is, by this encoder."""
    lake.commit(EMBEDDINGS, [], once=_embedded(delivery, encoder))


def require_embedded(lake: Lake, deliveries: Iterable[str], encoder: str) -> None:
    """MissingError where one of the deliveries is not embedded by this encoder; says which and what to run."""
    wanted = {_embedded(delivery, encoder): delivery for delivery in deliveries}
    missing = wanted.keys() - lake.committed_of(EMBEDDINGS, wanted)
    if missing:
        named = sorted(wanted[name] for name in missing)
        more = f" and {len(named) - 1} more are" if len(named) > 1 else " is"
        raise MissingError(
            f"delivery {named[0]}{more} not embedded by {encoder}, or audits have come to want more of it; run "
            "`assay run`, or backfill this partition of the embeddings"
        )


def _embedded(delivery: str, encoder: str) -> str:
    asking = [audit for audit in all_audits().values() if audit.texts is not None or audit.box_phrases is not None]
    wanting = [(audit.name, audit.revision) for audit in asking]
    return f"embedded/{once(delivery, encoder)}/{fingerprint(wanting)}"
