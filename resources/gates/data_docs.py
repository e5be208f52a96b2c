"""Great Expectations' Data Docs of one run of a gate, from the results that the lake keeps.

Its own pages load scripts and styles from the network, so that only their sections are taken, into a page of ours.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from jinja2 import Template

from ops.core.errors import MissingError
from ops.report.gate_page import gate_page
from resources.gates.gates import HISTORY, TIME
from resources.gates.suites import great_expectations
from resources.storage.storage import Storage

_SECTIONS = "{% for section in sections %}{% set section_loop = loop %}{% include 'section.j2' %}{% endfor %}"
#: Links between pages of Great Expectations, which are not here.
_LINK = re.compile(r'<a href="\.\./[^"]*"\s*>(.*?)</a>', re.DOTALL)


def data_docs(lake: Storage, gate: str, parts: Sequence[str], run: str, at: str) -> str:
    """The page of what the gate found in that run, part by part. MissingError where the lake keeps no such result."""
    results = {part: lake.read(f"{HISTORY}/{gate}-{part}/{run}/{at}.json") for part in parts}
    kept = {part: _sections(result) for part, result in results.items() if result is not None}
    if not kept:
        raise MissingError(f"the lake keeps no result of the {gate} gate of {run} at {at}")
    return gate_page(f"{gate} gate: {run}", parts=kept, at=f"{datetime.strptime(at, TIME):%Y-%m-%d %H:%M:%S} UTC")


def _sections(result: bytes) -> str:
    great_expectations()
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    stored = cast("ExpectationSuiteValidationResult", expectationSuiteValidationResultSchema.load(json.loads(result)))
    document = cast(Any, ValidationResultsPageRenderer()).render(stored).to_json_dict()
    template: Template = DefaultJinjaPageView().env.from_string(_SECTIONS)
    return _LINK.sub(r"\1", template.render(document))
