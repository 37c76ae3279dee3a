#!/usr/bin/env python3
"""A real SMTP server for the tests: keeps every mail as a file and fails on demand.

server.py [--port N] [--certificate F --key F] [--login USER:PASSWORD] MAIL_FOLDER RUN_FOLDER

Each mail becomes MAIL_FOLDER/<recipient>/<number>.eml, written under another name first. Writes its port to
RUN_FOLDER/smtp.port. RUN_FOLDER/smtp.mode, read again at each command, says how to behave: "ok", "<4xx or 5xx> text"
(the answer to RCPT), "drop" or "slow <seconds>".
"""
import argparse
import asyncio
import itertools
import os
import signal
import ssl
import urllib.parse

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, mail, run):
        self.mail = mail
        self.mode_file = os.path.join(run, "smtp.mode")
        self.numbers = itertools.count(1)

    def mode(self):
        try:
            with open(self.mode_file, encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return "ok"

    async def answer(self, server, good):
        mode = self.mode()
        if mode[:1] in "45":
            return mode
        if mode == "drop":
            server.transport.close()
        elif mode.startswith("slow "):
            await asyncio.sleep(float(mode.split()[1]))
        return good

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = await self.answer(server, "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:
            folder = os.path.join(self.mail, urllib.parse.quote(recipient.lower(), safe="@+"))
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, "%08d.eml" % next(self.numbers))
            with open(path + ".new", "wb") as file:
                file.write(envelope.original_content)
            os.rename(path + ".new", path)
        return "250 kept"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login")
    parser.add_argument("mail")
    parser.add_argument("run")
    options = parser.parse_args()

    keeper = Keeper(options.mail, options.run)
    settings = {"enable_SMTPUTF8": True, "hostname": "localhost"}
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        settings.update(tls_context=context, require_starttls=True)
    if options.login:
        expected = tuple(part.encode() for part in options.login.split(":", 1))

        def check(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login, data.password) == expected, handled=False)

        settings.update(authenticator=check, auth_required=True, auth_require_tls=bool(options.certificate))

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(keeper, loop=loop, **settings), "127.0.0.1", options.port)
    )
    port_file = os.path.join(options.run, "smtp.port")
    with open(port_file + ".new", "w", encoding="ascii") as file:
        file.write("%d\n" % server.sockets[0].getsockname()[1])
    os.rename(port_file + ".new", port_file)
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    loop.run_forever()


if __name__ == "__main__":
    main()
