"""A bucket on a server of this machine."""


def make_bucket(address: str) -> None:
    from urllib.request import Request, urlopen

    with urlopen(Request(address, method="PUT"), timeout=10) as reply:  # noqa: S310
        assert reply.status == 200
