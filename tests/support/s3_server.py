"""`python -m tests.support.s3_server HOST PORT BUCKET...`: an S3 server in memory, with these buckets, until ended."""

import sys
import threading

from tests.support.buckets import make_bucket


def main() -> None:
    from moto.server import ThreadedMotoServer

    host, port, *buckets = sys.argv[1:]
    server = ThreadedMotoServer(ip_address=host, port=int(port), verbose=False)
    server.start()
    for bucket in buckets:
        make_bucket(f"http://{host}:{port}/{bucket}")
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
