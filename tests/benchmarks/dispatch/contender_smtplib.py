"""The standard library alone, one ready message after the other: `contender_smtplib.py PORT MAILS SESSIONS`."""

from __future__ import annotations

import smtplib
import sys
import threading
import time

MESSAGE = b"Subject: Order\r\n\r\n" + b"Please pay it in the next days.\r\n" * 40


def main(port: int, mails: int, sessions: int) -> float:
    """The seconds for so many mails over so many connections."""

    def send(share: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for _ in range(share):
                smtp.sendmail("shop@example.com", ["buyer@example.org"], MESSAGE)

    threads = [threading.Thread(target=send, args=(mails // sessions,)) for _ in range(sessions)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:4])))
