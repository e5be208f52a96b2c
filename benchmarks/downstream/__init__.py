"""Whether curation pays: a small vision-language model trained on faulty data, before and after Assay."""
