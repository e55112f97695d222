"""Logs in with the keys of the agent, as Paramiko does: paramiko_client.py PORT USER."""

import logging
import sys

import paramiko

# errors are raised as well
logging.getLogger("paramiko").addHandler(logging.NullHandler())

port, user = sys.argv[1:]
for key in paramiko.Agent().get_keys():
    print("listed", key.get_name())
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
try:
    client.connect("127.0.0.1", int(port), user, look_for_keys=False)
    _, stdout, _ = client.exec_command("echo in")
    print(stdout.read().decode().strip())
except paramiko.SSHException as error:
    sys.exit(f"refused: {error}")
finally:
    client.close()
