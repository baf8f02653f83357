"""What sending is measured against: django-post_office, which has an environment of its own. Run with its Python.

The same work as ours: from what is known of each customer to a mail that is sent and noted. Its five threads are its
default.
"""

import json
import sys
import time
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

FILLER = "Each link opens a page. Your answer counts when you press the button there.\n"


def main(folder: Path, port: int, mails: int) -> None:
    settings.configure(
        SECRET_KEY="x" * 50,
        INSTALLED_APPS=["post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "mail.sqlite3",
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"},
            }
        },
        TEMPLATES=[
            {"BACKEND": name, "APP_DIRS": True}
            for name in (
                "django.template.backends.django.DjangoTemplates",
                "post_office.template.backends.post_office.PostOfficeTemplates",
            )
        ],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={"BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"}, "BATCH_SIZE": 500},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from post_office import mail  # needs the settings
    from post_office.models import STATUS, Email, EmailTemplate

    template = EmailTemplate.objects.create(
        name="survey",
        subject="Did we solve it? — {{ subject }}",
        content="Hello {{ name }},\n\n“{{ subject }}”\n" + 9 * FILLER + "{{ link }}/yes\n{{ link }}/no\n",
        html_content="<p>Hello {{ name }},</p><p>“{{ subject }}”</p>\n"
        + 37 * f"<p>{FILLER}</p>"
        + "<a href='{{ link }}/yes'>Yes</a> <a href='{{ link }}/no'>No</a>",
    )
    begun = time.perf_counter()
    for first in range(0, mails, 500):
        mail.send_many(
            [
                {
                    "sender": "Acme <care@acme.example>",
                    "recipients": [f"c{n}@example.org"],
                    "template": template,
                    "context": {
                        "name": f"Person {n}",
                        "subject": f"Request {n}",
                        "link": f"http://127.0.0.1/s/{n:080}",
                    },
                    "headers": {"Reply-To": "care@acme.example", "List-Unsubscribe": f"<http://127.0.0.1/o/{n:080}>"},
                    "priority": "medium",
                }
                for n in range(first, min(first + 500, mails))
            ]
        )
    while any(mail.send_queued()):
        pass
    took = time.perf_counter() - begun
    assert 4_500 < len(Email.objects.all()[0].email_message().message().as_bytes()) < 5_500, "as large as ours"
    assert Email.objects.filter(status=STATUS.sent).count() == mails
    print(json.dumps({"rate": mails / took}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
