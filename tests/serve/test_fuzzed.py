"""Whatever is asked, the answer is one that the page's own OpenAPI describes. benchmarks/fuzz_http.py asks longer."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.serve.visiting import LIMITS, Visitor, visiting
from tests.two_tones import TwoTones

schemathesis = pytest.importorskip("schemathesis")
ASKED = {"POST": 4}  # so often; each upload starts a process
QUIETLY = {"derandomize": True, "deadline": None, "database": None, "phases": [Phase.generate],
           "suppress_health_check": list(HealthCheck)}  # fmt: skip


@pytest.fixture(scope="module")
def served(short, tmp_path_factory):
    """The description of a page with a short queue, and the ID of a video that is done."""
    limits = replace(LIMITS, queue=2)
    with visiting(TwoTones(), tmp_path_factory.mktemp("fuzzed"), limits) as visitor:
        id = visitor.give(short)["id"]
        visitor.finished(id)
        app = Visitor(visitor.jobs, names=None).app
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app), id


def asked(operation, id: str) -> set[int]:
    """Ask one operation often; the statuses of the answers, each of them described."""
    method, statuses = operation.method.upper(), set()
    allowed = [schemathesis.checks.not_a_server_error, schemathesis.checks.positive_data_acceptance]
    kinds = st.sampled_from(list(schemathesis.GenerationMode))

    @settings(max_examples=ASKED.get(method, 15), **QUIETLY)
    @given(kinds.flatmap(lambda kind: operation.as_strategy(generation_mode=kind)), st.booleans())
    def ask(case, known):
        if known and method == "GET" and "id" in case.path_parameters:
            case.path_parameters["id"] = id
        answer = case.call_and_validate(excluded_checks=allowed)  # bytes that are no video; a full queue: 503
        assert answer.status_code != 500
        statuses.add(answer.status_code)

    ask()
    return statuses


def test_every_answer_is_described(served):
    schema, id = served
    statuses = set().union(*(asked(each.ok(), id) for each in schema.get_all_operations()))
    assert {200, 201, 404, 422} <= statuses, "else little was asked"
