"""Every reason why a row is quarantined or repaired: the table that docs/ingest.md shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code. `repair` says what is done instead of quarantining the row where `ingest.repairs` in assay.yaml
    lists the code; without one the row cannot be repaired."""

    code: str
    title: str
    advice: str
    repair: str = ""


_REASONS = (
    # The file
    Reason("file_unrecognised", "No format recognises the file", "Name the format in drop.yaml, or convert the file."),
    Reason(
        "file_unreadable",
        "The file, or the rest of it, cannot be read",
        "Make the file again; rows behind the break are not seen.",
    ),
    Reason(
        "file_bomb",
        "Far more bytes come out of a compressed file than went in",
        "Check where the file comes from; raise ingest.max_expansion if it is honest.",
    ),
    Reason(
        "file_name",
        "The file's name is not UTF-8, or holds control characters or line breaks; it is not opened",
        "Rename the file.",
    ),
    # The record
    Reason(
        "json_invalid",
        "The record is not valid JSON",
        "Fix the writer of the file: most often a cut line or a missing quote.",
    ),
    Reason("not_an_object", "The record is not a JSON object", "Each record must be an object with named fields."),
    Reason("too_deep", "The record is nested too deeply", "Flatten it; no format here needs more than a few levels."),
    Reason(
        "row_too_large", "The record is larger than ingest.max_row_bytes", "Keep images in files; or raise the limit."
    ),
    Reason("encoding", "The record is not valid UTF-8, or holds half of a surrogate pair", "Write the file as UTF-8."),
    Reason(
        "control_characters",
        "A text, an id or a name holds NUL or other control characters",
        "Clean the text.",
        "the characters are removed",
    ),
    Reason("tar_member", "A member of a tar is a link or a device", "Put the files themselves into the tar."),
    Reason(
        "csv_fields",
        "A line of a table has more or fewer fields than its header",
        "Quote fields that hold separators or line breaks.",
    ),
    Reason("field_missing", "A field that the format needs is not there", "See the format's entry for its fields."),
    Reason("field_type", "A field has the wrong type", "See the format's entry for its fields."),
    # The conversation
    Reason("no_messages", "The conversation is empty", "Drop the row or restore its turns."),
    Reason("unknown_role", "A turn has a role that is not known", "Use system, user (human), assistant (gpt) or tool."),
    Reason(
        "turn_order",
        "Turns do not alternate between user and assistant, or do not end in an answer",
        "Restore the missing turn; of prompts for RL without a ground truth, name the format in drop.yaml.",
        "a leading answer and trailing questions without an image are removed, neighbours of one role are joined",
    ),
    Reason("empty_answer", "An answer has no text", "Drop the row or restore the answer."),
    Reason("empty_query", "A question has neither text nor image", "Drop the row or restore the question."),
    Reason("no_candidates", "A preference row has no response to judge", "Restore the responses."),
    Reason(
        "rating_invalid",
        "A rating is not a finite number, or ratings and responses differ in number",
        "Fix the ratings.",
    ),
    Reason(
        "placeholder_mismatch",
        "The number of <image> placeholders is not the number of images",
        "Restore the images or the placeholders.",
        "images without any placeholder go before the first question",
    ),
    Reason(
        "ambiguous_judgement",
        "A field says how good an answer is and its format does not read it, or two formats judge the row differently",
        "Name the format in drop.yaml (`format`); a column that judges nothing goes under `ignore_fields`.",
    ),
    Reason(
        "ambiguous_truth",
        "The answer is nothing but the ground truth beside it: the row may be a prompt of RL, whose truth is no target",
        "Name a format of prompts in drop.yaml (`format`); a column that is no ground truth goes under "
        "`ignore_fields`.",
    ),
    Reason(
        "pair_differs",
        "Chosen and rejected do not answer the same prompt about the same images",
        "Deliver each side as a judged row of its own (messages and images, with label true or false), or pairs of two "
        "answers to one prompt about the same images.",
    ),
    Reason(
        "no_target",
        "No turn of the row carries loss",
        "Drop the row, or mend loss, loss_weight or weight: a trainer learns nothing from it.",
    ),
    Reason(
        "modality_unsupported",
        "The row holds video or sound, which has no type of its own yet",
        "Leave such rows out; a column that only names a video goes under `ignore_fields` in drop.yaml.",
    ),
    # The image
    Reason(
        "image_missing",
        "An image that the row names is not in the drop",
        "Deliver the image, or fix its path (relative to the drop).",
    ),
    Reason("image_url", "An image is named by a URL; nothing is downloaded", "Download the images into the drop."),
    Reason("path_outside_drop", "A path leaves the drop: absolute, by .. or by a link", "Use paths inside the drop."),
    Reason("image_bytes", "The image file is larger than ingest.max_image_bytes", "Shrink it, or raise the limit."),
    Reason(
        "image_type_unknown",
        "The bytes are not an image of a known type",
        "Use JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF.",
    ),
    Reason("image_undecodable", "The image does not decode to its end", "Fetch it again: most often it was cut short."),
    Reason(
        "image_px",
        "The image has more pixels, or a longer side, than the limit",
        "Shrink it, or raise ingest.max_image_px or ingest.max_image_side_px.",
    ),
    Reason(
        "image_small",
        "The image has no area, or is smaller than ingest.min_image_side_px",
        "Fetch the real image: this may be a placeholder.",
    ),
    Reason("image_aspect", "The image is more stretched than ingest.max_image_aspect", "Crop it, or raise the limit."),
    Reason(
        "image_animated", "The image has several frames", "Extract the frame that is meant.", "the first frame is used"
    ),
    Reason(
        "image_type_mismatch",
        "The type of the image is not the one its name says",
        "Rename it.",
        "the bytes decide the type",
    ),
    Reason(
        "image_orientation",
        "The image is to be turned or mirrored (EXIF orientation)",
        "Nothing: it is turned once, when it is decoded.",
        "the image is turned when it is decoded",
    ),
    Reason(
        "image_cmyk", "The image is CMYK", "Convert it if colours matter.", "it is converted to RGB when it is decoded"
    ),
    Reason(
        "image_16bit",
        "The image has more than 8 bits a channel",
        "Convert it if its range matters.",
        "its range is scaled to 8 bits when it is decoded",
    ),
    Reason("image_palette", "The image has a palette", "Nothing.", "it is converted to RGB when it is decoded"),
    Reason(
        "image_alpha",
        "The image is partly transparent",
        "Flatten it if the background matters.",
        "it is laid on white when it is decoded",
    ),
    # Assay
    Reason(
        "internal_error",
        "Assay met an error of its own in this row, which is named; the run's summary says so too",
        "Report it with the raw row: this is a fault of Assay, whatever the row holds.",
    ),
    # The drop
    Reason(
        "duplicate_id",
        "Another row of the drop has the same id",
        "Give each row its own id.",
        "the row is kept; its example_id tells it from the others",
    ),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _REASONS}
"""Every reason by its code."""
