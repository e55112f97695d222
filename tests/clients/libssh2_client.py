"""Logs in with the keys of the agent, as libssh2 does: libssh2_client.py PORT USER."""

import socket
import struct
import sys

from ssh2.exceptions import SSH2Error
from ssh2.session import Session

port, user = sys.argv[1:]
session = Session()
session.handshake(socket.create_connection(("127.0.0.1", int(port))))
agent = session.agent_init()
agent.connect()
identities = agent.get_identities()
for identity in identities:
    (length,) = struct.unpack_from(">I", identity.blob)
    print("listed", identity.blob[4 : 4 + length].decode())
for identity in identities:
    try:
        agent.userauth(user, identity)
        break
    except SSH2Error as error:
        print("refused", type(error).__name__, file=sys.stderr)
else:
    sys.exit("refused: every key")
channel = session.open_session()
channel.execute("echo in")
size, answer = channel.read()
print(answer.decode().strip())
