"""The stores that an address may name: what each is given, from which variables, and how Arrow opens it.

Options bear delta-rs's names in lower case, for it takes them as they are; Arrow's names are derived from them here, so
that both clients speak to the same store as the same user.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from ops.core.errors import AssayError

Options = Mapping[str, str]

RETRY_SECONDS = 45
#: How long a store that fails or does not answer is asked again: delta-rs would go on for three minutes a request.
RETRIES: Options = {
    "max_retries": "20",
    "retry_timeout": f"{RETRY_SECONDS}s",
    "backoff_config.max_backoff": "5s",
    "connect_timeout": "5s",
}
_S3_ATTEMPTS = 8  # Arrow waits up to twice as long before each: half a minute in all


class StoreError(AssayError, RuntimeError):
    """A store cannot be reached or used as asked; the message says which, why, and what to do. No OSError: what could
    not be read is not to be taken for what is not there."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of store. `variables` are the options with the environment variables that set each, the first of them
    first; `open` gives the file system of an address and the address's path in it."""

    title: str
    variables: Mapping[str, tuple[str, ...]]
    open: Callable[[str, Options], tuple[pafs.FileSystem, str]]
    advice: str

    def from_environment(self) -> dict[str, str]:
        """What the environment says of such a store."""
        values = {option: [os.environ.get(name) for name in names] for option, names in self.variables.items()}
        return {option: value for option, several in values.items() if (value := next(filter(None, several), None))}


def scheme_of(address: str) -> Scheme:
    """The kind of store that an address names. StoreError where none of that name is known."""
    name = address.partition("://")[0].lower()
    if name not in SCHEMES:
        raise StoreError(f"{address}: {name}:// names no store that is known; there are {', '.join(SCHEMES)}")
    return SCHEMES[name]


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on")


def _s3(address: str, options: Options) -> tuple[pafs.FileSystem, str]:
    names = {
        "aws_access_key_id": "access_key",
        "aws_secret_access_key": "secret_key",
        "aws_session_token": "session_token",
        "aws_region": "region",
        "aws_endpoint_url": "endpoint_override",
    }
    given: dict[str, Any] = {ours: options[theirs] for theirs, ours in names.items() if theirs in options}
    if is_plain_http(options):
        given["scheme"] = "http"
    if _is_true(options.get("aws_skip_signature")):
        given["anonymous"] = True
    retries = pafs.AwsStandardS3RetryStrategy(max_attempts=_S3_ATTEMPTS)
    return pafs.S3FileSystem(**given, connect_timeout=5, retry_strategy=retries), address.partition("://")[2]


def _gcs(address: str, options: Options) -> tuple[pafs.FileSystem, str]:
    given: dict[str, Any] = {"retry_time_limit": timedelta(seconds=RETRY_SECONDS)}
    if endpoint := options.get("google_base_url"):
        parts = urlsplit(endpoint)
        given |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    if _is_true(options.get("google_skip_signature")):
        given["anonymous"] = True
    return pafs.GcsFileSystem(**given), address.partition("://")[2]


def _azure(address: str, options: Options) -> tuple[pafs.FileSystem, str]:
    """Of `az://container/folder`, and of `abfss://container@account.dfs.core.windows.net/folder`."""
    where, _, inner = address.partition("://")[2].partition("/")
    container, _, host = where.partition("@")
    account = host.partition(".")[0] or options.get("azure_storage_account_name")
    if not account:
        raise StoreError(f"{address}: no storage account is named; set AZURE_STORAGE_ACCOUNT_NAME")
    names = {
        "azure_storage_account_key": "account_key",
        "azure_storage_sas_token": "sas_token",
        "azure_storage_client_id": "client_id",
        "azure_storage_client_secret": "client_secret",
        "azure_storage_tenant_id": "tenant_id",
    }
    given: dict[str, Any] = {ours: options[theirs] for theirs, ours in names.items() if theirs in options}
    if endpoint := options.get("azure_storage_endpoint"):
        parts = urlsplit(endpoint)
        for service in ("blob", "dfs"):
            given |= {f"{service}_storage_authority": parts.netloc, f"{service}_storage_scheme": parts.scheme}
    return pafs.AzureFileSystem(account, **given), f"{container}/{inner}".rstrip("/")


def _hdfs(address: str, options: Options) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(address)
    try:
        # Port 0 is that of a name service.
        return pafs.HadoopFileSystem(parts.hostname or "default", parts.port or 0), parts.path.rstrip("/")
    except OSError as error:
        raise StoreError(
            f"{address}: Hadoop's own library is missing here ({str(error).splitlines()[0]}); install Hadoop, set "
            "HADOOP_HOME, and CLASSPATH to what `hadoop classpath --glob` prints"
        ) from error


def is_plain_http(options: Options) -> bool:
    """Whether the store's end point, as its user named it, speaks without encryption."""
    names = ("aws_endpoint_url", "google_base_url", "azure_storage_endpoint")
    return any(options.get(name, "").startswith("http://") for name in names)


_S3 = Scheme(
    "S3",
    {
        "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
        "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
        "aws_session_token": ("AWS_SESSION_TOKEN",),
        "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "aws_endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        "aws_skip_signature": ("AWS_SKIP_SIGNATURE",),
    },
    _s3,
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION; AWS_ENDPOINT_URL for a store that is not "
    "Amazon's), or run where the machine has a role",
)
_GCS = Scheme(
    "Google Cloud Storage",
    {
        "google_application_credentials": ("GOOGLE_APPLICATION_CREDENTIALS",),
        "google_base_url": ("STORAGE_EMULATOR_HOST",),
        "google_skip_signature": ("GOOGLE_SKIP_SIGNATURE",),
    },
    _gcs,
    "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run where the machine has one",
)
_AZURE = Scheme(
    "Azure",
    {
        "azure_storage_account_name": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
        "azure_storage_account_key": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"),
        "azure_storage_sas_token": ("AZURE_STORAGE_SAS_TOKEN",),
        "azure_storage_client_id": ("AZURE_CLIENT_ID",),
        "azure_storage_client_secret": ("AZURE_CLIENT_SECRET",),
        "azure_storage_tenant_id": ("AZURE_TENANT_ID",),
        "azure_storage_endpoint": ("AZURE_STORAGE_ENDPOINT",),
    },
    _azure,
    "set AZURE_STORAGE_ACCOUNT_NAME and one of AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_CLIENT_ID "
    "with AZURE_CLIENT_SECRET and AZURE_TENANT_ID, or run where the machine has an identity",
)
_HDFS = Scheme("HDFS", {}, _hdfs, "see that the name node is reachable, and that this user may write there")

SCHEMES: Mapping[str, Scheme] = {
    "s3": _S3,
    "s3a": _S3,
    "gs": _GCS,
    "az": _AZURE,
    "abfs": _AZURE,
    "abfss": _AZURE,
    "hdfs": _HDFS,
}
"""The kinds of stores by the names that addresses begin with."""
