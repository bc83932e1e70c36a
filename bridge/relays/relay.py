import os, socket, sys, threading
host, port, end = sys.argv[1:]
try:
    s = socket.create_connection((host, int(port)))
except OSError as e:
    sys.exit(e.strerror or str(e))
os.write(2, b"connected\n")
def write(data):
    while data:
        data = data[os.write(1, data):]
def down():
    try:
        while True:
            data = s.recv(65536)
            if not data:
                break
            write(data)
    except OSError:
        pass
    write(end.encode())
t = threading.Thread(target=down)
t.start()
try:
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        s.sendall(data)
except OSError:
    pass
try:
    s.shutdown(socket.SHUT_WR)
except OSError:
    pass
t.join()
