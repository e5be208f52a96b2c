"""Sends alerts: to an address that takes Slack's messages, and by mail. Nothing is asked of a network that the settings
or the environment do not name."""

import os
import smtplib
from email.message import EmailMessage

import requests

from ops.core.printable import printable
from resources.alerts.alert import Alert
from resources.config.operation_settings import AlertSettings

WEBHOOK, PASSWORD = "ASSAY_ALERT_WEBHOOK", "ASSAY_SMTP_PASSWORD"
_SECONDS = 10
#: Slack shortens longer texts by itself, others refuse them.
_MOST_LETTERS = 3000


def send(alert: Alert, settings: AlertSettings) -> list[str]:
    """Sends the alert everywhere it is to go; returns what went wrong on the way, for a log: an alert that cannot be
    sent must not end what it is about."""
    text = printable(alert.text)[:_MOST_LETTERS]
    problems: list[str] = []
    webhook = os.environ.get(WEBHOOK) or settings.webhook
    if webhook:
        try:
            requests.post(webhook, json={"text": text}, timeout=_SECONDS, allow_redirects=False).raise_for_status()
        except requests.RequestException as error:
            # The address is a secret: whoever has it can write to the channel.
            problems.append(f"the alert could not be sent to the webhook ({type(error).__name__})")
    if settings.email_to:
        try:
            _mail(alert.title, text, settings)
        except (OSError, smtplib.SMTPException) as error:
            problems.append(f"the alert could not be mailed by {settings.smtp_host} ({error})")
    return problems


def _mail(title: str, text: str, settings: AlertSettings) -> None:
    message = EmailMessage()
    message["Subject"] = f"Assay: {printable(title).splitlines()[0][:200]}"
    message["From"] = settings.email_from
    message["To"] = ", ".join(settings.email_to)
    message.set_content(text)
    kind = smtplib.SMTP_SSL if settings.smtp_port == smtplib.SMTP_SSL_PORT else smtplib.SMTP
    with kind(settings.smtp_host, settings.smtp_port, timeout=_SECONDS) as server:
        server.ehlo()
        if not isinstance(server, smtplib.SMTP_SSL) and server.has_extn("starttls"):
            server.starttls()
        if settings.smtp_user:
            server.login(settings.smtp_user, os.environ.get(PASSWORD, ""))
        server.send_message(message)
