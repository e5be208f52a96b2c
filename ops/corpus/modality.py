"""How much of the corpus is text, and how much of it has images."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

_UNSPACED = r"\p{IsHan}\p{IsHiragana}\p{IsKatakana}\p{IsThai}"
#: The default tokenizer's rough count: a run of letters and digits is a token, so is each other visible character,
#: and so is each letter of a script written without spaces. Sub-word tokenizers give about 1.3 times as many.
TOKEN = rf"(?U)[{_UNSPACED}]|[\w&&[^{_UNSPACED}]]+|[^\w\s]"
#: Roles whose text is learnt from.
ANSWERS = ("assistant", "chosen", "rejected", "response")


def modality_statistics(examples: DataFrame) -> DataFrame:
    """Examples, turns (answers), tokens of answers and images by delivery, dataset, kind and modality.

    An example is `visual` when it has an image and `text` otherwise. The candidates of a preference example count as
    its answers.
    """
    answers = F.filter("messages", lambda message: message["role"].isin(*ANSWERS))
    measured = examples.select(
        "delivery",
        "dataset",
        "kind",
        F.when(F.size("image_ids") > 0, "visual").otherwise("text").alias("modality"),
        F.size(answers).cast("long").alias("turns"),
        F.aggregate(
            answers,
            F.lit(0).cast("long"),
            lambda total, message: (
                total
                + F.aggregate(
                    message["parts"],
                    F.lit(0).cast("long"),
                    lambda count, part: count + F.regexp_count(F.coalesce(part["text"], F.lit("")), F.lit(TOKEN)),
                )
            ),
        ).alias("answer_tokens"),
        F.greatest(F.size("image_ids"), F.lit(0)).cast("long").alias("images"),
    )
    sums = (F.sum(name).alias(name) for name in ("turns", "answer_tokens", "images"))
    return measured.groupBy("delivery", "dataset", "kind", "modality").agg(F.count("*").alias("examples"), *sums)
