"""`python -m tests.support.called MODULE:FUNCTION JSON`: calls the function with the words and prints what it returns,
as JSON, on a line of its own."""

import json
import sys
from importlib import import_module


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    returned = getattr(import_module(module), function)(**json.loads(sys.argv[2]))
    print(f"\n{json.dumps(returned)}", flush=True)


if __name__ == "__main__":
    main()
