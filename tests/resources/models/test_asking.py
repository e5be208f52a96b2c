"""A delivery asked of a tiny vision-language model, on a real Ray and a real lake."""

import io
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from PIL import Image

from ops.core.measure_schemas import LIKELIHOODS
from ops.core.schemas import EXAMPLES, IMAGES
from ops.evidence.likelihoods import Question
from resources.config.encoder_settings import EncoderSettings
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.measuring.recorded import row_identities
from resources.models.answer_model import Asked
from resources.models.asking import answer_delivery
from resources.models.likelihood import load_likelihood_model, model_identity
from tests.support.embedded import add, drawn
from tests.support.tiny_models import save_coca, save_llava

CPU = EncoderSettings(device="cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(5)
    save_llava(folder)
    return str(folder)


def ask(lake: Lake, model: str):
    return answer_delivery(lake, "first", reference=model, batch=2, encoder=CPU, progress=SilentProgress())


def with_questions(lake: Lake, pictures: list[bytes], answers: list[str]) -> None:
    """Like `add`, with a question before each answer."""
    add(lake, "unasked", pictures, answers)
    rows = lake.read(EXAMPLES).to_pylist()
    for row in rows:
        parts = [{"type": "text", "text": "what color is the circle?", "image_id": None}]
        row |= {"delivery": "first", "messages": [{"role": "user", "parts": parts}, *row["messages"]]}
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, schema=EXAMPLES.schema), partition={"delivery": "first"}, once="q")


@pytest.fixture(scope="module")
def captioner(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The reference of a tiny CoCa."""
    folder = tmp_path_factory.mktemp("captioner")
    torch.manual_seed(5)
    save_coca(folder)
    return f"open_clip:local-dir:{folder}"


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("kind", ["model", "captioner"])
def test_each_question_is_answered_once_as_the_model_answers_it(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
):
    model = request.getfixturevalue(kind)
    lake = Lake(tmp_path)
    pictures = [drawn(1), drawn(2), drawn(1)]
    with_questions(lake, pictures, ["red", "blue", "red"])
    table = ask(lake, model)
    assert len(table.keys) == 6
    opened = {row["image_id"]: Image.open(io.BytesIO(row["bytes"])) for row in lake.read(IMAGES).to_pylist()}
    ids = sorted(opened)
    alone = load_likelihood_model(model)
    for images in ((ids[0],), (ids[1],), ()):
        (expected,) = alone.answers([Asked("what color is the circle?", "red", tuple(opened[i] for i in images))])
        (nats,) = table.a_token([Question("what color is the circle?", "red", images)])
        assert nats == pytest.approx(expected.nats / expected.tokens, rel=1e-5)
    version = lake.version(LIKELIHOODS)
    assert (ask(lake, model).nats == table.nats).all()
    assert lake.version(LIKELIHOODS) == version


def test_measures_are_made_anew_for_another_model(tmp_path: Path, model: str):
    settings = load_settings(None)
    chosen = replace(settings.audit("visual_necessity"), vlm=model)
    asked = replace(settings, encoder=CPU, audits={**settings.audits, "visual_necessity": chosen})
    first = row_identities(asked, "encoder")
    for path in Path(model).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert model_identity(str(tmp_path), CPU) == model_identity(model, CPU)
    torch.manual_seed(6)
    save_llava(tmp_path)
    assert model_identity(str(tmp_path), CPU) != model_identity(model, CPU)
    plain = row_identities(replace(settings, encoder=CPU), "encoder")
    assert [name for name in plain if plain[name] != first[name]] == ["visual_necessity"]
