"""A gateway in a home of its own, and shims at it: for `tests/shim-memory` and `tests/shim-order`."""
import contextlib, http.server, json, os, shutil, socket, subprocess, tempfile, threading

STANDINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standins")
WAYS = ("http", "https", "unix")


class Shim:
    """A shim that has listed the tools and called one."""

    def __init__(self, program, environment, before=()):
        self.process = subprocess.Popen(
            [*before, program, "stdio"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "memory", "version": "1"}}
        self.ask(1, "initialize", client)
        self.send({"method": "notifications/initialized"})
        assert self.ask(2, "tools/list", {})["tools"]
        answer = self.ask(3, "tools/call", {"name": "agentport_list_integrations", "arguments": {}})
        assert not answer.get("isError"), answer

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, number, method, params):
        self.send({"id": number, "method": method, "params": params})
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == number:
                return answer["result"]
        raise SystemExit(f"the shim ended before it answered {method}")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Service(http.server.BaseHTTPRequestHandler):
    """Says whose key it is, and nothing else."""

    def do_GET(self):
        body = b'{"id": "acct_1", "object": "account", "livemode": false}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def service():
    """The port of one."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def gateway(program, way):
    """What a shim's environment must have to reach a gateway over `way`, which has Stripe's tools and runs until the block ends."""
    with tempfile.TemporaryDirectory() as folder, service() as stripe:
        # its own copy: what the gateway has of its file is not counted as the shims'
        program = shutil.copy(program, f"{folder}/agentport")
        home, key, sock = f"{folder}/home", f"{folder}/key", f"{folder}/agentport.sock"
        own = {"AGENTPORT_HOME": home, "AGENTPORT_KEY_FILE": key}

        def run(*arguments, secret=None):
            done = subprocess.run([program, *arguments, "--json"], env=own, input=secret, capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"agentport {' '.join(arguments)}: {done.stdout}{done.stderr}")
            return json.loads(done.stdout)

        run("init", "--store", "vault")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with open(f"{home}/agentport.toml") as file:
            settings = file.read().replace("4747", str(port)).replace("~/.agentport.key", key)
        if way == "https":
            for name in ("loopback.pem", "loopback.key.pem"):
                os.chmod(shutil.copy(f"{STANDINS}/{name}", folder), 0o600)
            files = f'tls = {{ cert = "{folder}/loopback.pem", key = "{folder}/loopback.key.pem" }}'
            settings = settings.replace("[site]", f"[site]\n{files}").replace("http://localhost", "https://localhost")
        elif way == "unix":
            settings = settings.replace("[site]", f'[site]\nsocket = "{sock}"')
        with open(f"{home}/agentport.toml", "w") as file:
            file.write(settings)
        at = f"http://127.0.0.1:{stripe}"
        run("connect", "stripe", "--origin", at, "--allow-private", "--secret-stdin", secret="sk_test_4eC39HqLyjWDarjtT1")
        token = run("agents", "add", "memory")["token"]
        url = {"http": f"http://127.0.0.1:{port}", "https": f"https://127.0.0.1:{port}", "unix": f"unix:{sock}"}[way]
        environment = {"AGENTPORT_URL": url, "AGENTPORT_TOKEN": token}
        if way == "https":
            environment["AGENTPORT_CA"] = f"{STANDINS}/authority.pem"
        serving = subprocess.Popen([program, "serve"], env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            next(line for line in serving.stderr if "the approval site is at" in line)
            yield environment
        finally:
            serving.terminate()
            serving.communicate()
