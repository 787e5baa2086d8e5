"""A signer that says what a test wants: one socket, the messages of docs/signer-protocol.md, no key of its own."""

import json
import socket
import threading

from tool import world


class Signer:
    """`answers`: op -> function of the request, which gives the members of the reply, or a Refusal."""

    def __init__(self, path, key, role="transfer"):
        self.requests = []
        self.answers = {"hello": lambda _: {"alg": key.alg, "key": key.text, "protocol": 1, "role": role}}
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                while packet := connection.recv(65536):
                    connection.send(world.canonical(self.answer(json.loads(packet))).encode())

    def answer(self, request):
        self.requests.append(request)
        if request["op"] not in self.answers:
            return {"detail": "", "id": request["id"], "ok": False, "status": "not_permitted", "where": "op"}
        return {"id": request["id"], "ok": True, **self.answers[request["op"]](request)}

    def sent(self, op):
        return [request for request in self.requests if request["op"] == op]

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def refusal(status, where="", detail=""):
    return lambda _: {"ok": False, "status": status, "where": where, "detail": detail}
