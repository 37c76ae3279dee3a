#!/usr/bin/env python3
"""A real SMTP server for the tests: keeps every mail as a file and fails on demand.

server.py [--port N] [--certificate F --key F] [--login USER:PASSWORD] [--offer MECHANISMS] MAIL_FOLDER RUN_FOLDER

Each mail becomes MAIL_FOLDER/<recipient>/<number>.eml, written under another name first. Writes its port to
RUN_FOLDER/smtp.port, and to RUN_FOLDER/smtp.seen a line for each command: its verb, and of EHLO and AUTH the word
behind it. How to behave it reads again at each command:

RUN_FOLDER/smtp.mode   "ok", "<4xx or 5xx> text" (the answer to RCPT), "drop" or "slow <seconds>"
RUN_FOLDER/smtp.rules  lines "STAGE address reply": what a mail to that address is answered at RCPT, DATA or END (of data)
RUN_FOLDER/smtp.once   "STAGE reply": the next session that comes to EHLO, AUTH, MAIL, RCPT, DATA or END is answered so;
                       the file goes by that. At EHLO the session's HELO is answered the same.

--offer  what EHLO says of AUTH in place of the truth; "" says nothing.
"""
import argparse
import asyncio
import itertools
import os
import signal
import ssl
import urllib.parse

from aiosmtpd.smtp import SMTP, AuthResult


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


class Keeper:
    def __init__(self, mail, run, offer):
        self.mail = mail
        self.run = run
        self.offer = offer
        self.numbers = itertools.count(1)

    def file(self, name):
        return os.path.join(self.run, "smtp." + name)

    def note(self, *words):
        with open(self.file("seen"), "a", encoding="utf-8") as file:
            file.write(" ".join(words) + "\n")

    def ordered(self, stage, recipients=()):
        """The reply that somebody has ordered for this stage; None: nobody has."""
        for line in read(self.file("rules")).splitlines():
            where, who, reply = line.split(" ", 2)
            if where == stage and who in recipients:
                return reply
        where, _, reply = read(self.file("once")).partition(" ")
        if where != stage:
            return None
        os.unlink(self.file("once"))
        return reply

    async def answer(self, server, good):
        mode = read(self.file("mode")) or "ok"
        self.note("RCPT")  # from here on another mode is another session's
        if mode[:1] in "45":
            return mode
        if mode == "drop":
            server.transport.close()
        elif mode.startswith("slow "):
            await asyncio.sleep(float(mode.split()[1]))
        return good

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        if self.offer is not None:
            responses = [line for line in responses if not line.startswith("250-AUTH")]
            if self.offer:
                responses.insert(1, "250-AUTH " + self.offer)
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.ordered("RCPT", [address]) or await self.answer(server, "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        reply = self.ordered("END", envelope.rcpt_tos)
        if reply:
            return reply
        for recipient in envelope.rcpt_tos:
            folder = os.path.join(self.mail, urllib.parse.quote(recipient.lower(), safe="@+"))
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, "%08d.eml" % next(self.numbers))
            with open(path + ".new", "wb") as file:
                file.write(envelope.original_content)
            os.rename(path + ".new", path)
        return "250 kept"


class Session(SMTP):
    """aiosmtpd, with an answer of our own in front of a command."""

    refused_greeting = None

    async def obey(self, stage, go_on, arg, recipients=()):
        reply = self.event_handler.ordered(stage, recipients)
        if reply:
            await self.push(reply)
        else:
            await go_on(arg)

    async def greet(self, go_on, arg):
        self.refused_greeting = self.refused_greeting or self.event_handler.ordered("EHLO")
        if self.refused_greeting:
            await self.push(self.refused_greeting)
        else:
            await go_on(arg)

    async def smtp_EHLO(self, hostname):
        self.event_handler.note("EHLO", hostname)
        await self.greet(super().smtp_EHLO, hostname)

    async def smtp_HELO(self, hostname):
        self.event_handler.note("HELO", hostname)
        await self.greet(super().smtp_HELO, hostname)

    async def smtp_AUTH(self, arg):
        self.event_handler.note("AUTH", (arg or "").split(" ")[0])
        await self.obey("AUTH", super().smtp_AUTH, arg)

    async def smtp_MAIL(self, arg):
        self.event_handler.note("MAIL")
        await self.obey("MAIL", super().smtp_MAIL, arg)

    async def smtp_DATA(self, arg):
        self.event_handler.note("DATA")
        await self.obey("DATA", super().smtp_DATA, arg, self.envelope.rcpt_tos)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login")
    parser.add_argument("--offer")
    parser.add_argument("mail")
    parser.add_argument("run")
    options = parser.parse_args()

    keeper = Keeper(options.mail, options.run, options.offer)
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
        loop.create_server(lambda: Session(keeper, loop=loop, **settings), "127.0.0.1", options.port)
    )
    port_file = keeper.file("port")
    with open(port_file + ".new", "w", encoding="ascii") as file:
        file.write("%d\n" % server.sockets[0].getsockname()[1])
    os.rename(port_file + ".new", port_file)
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    loop.run_forever()


if __name__ == "__main__":
    main()
