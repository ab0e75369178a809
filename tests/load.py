#!/usr/bin/env python3
"""Many agents at one gateway, each with a token of its own, mixed calls, for as long as is wanted.

    tests/load.py PROGRAM [--minutes 10] [--agents 64] [--pause 0.2]

Starts the program with a home of its own and a stand-in for Stripe on loopback. Prints each minute how much memory the
gateway has, and in the end what was answered, what that was not the policy's, and what a call through the gateway took beside
the same request to the stand-in. Ends with 1 if anything failed that should not have.
"""
import argparse, asyncio, base64, collections, hmac, json, multiprocessing, os, random, re, socket, subprocess, sys, tempfile, time

BODY = b'{"object":"balance","available":[{"amount":12345,"currency":"usd"}],"pending":[]}'
KEY = "sk_test_" + "L0ad" * 6


async def standin(port):
    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                if length:
                    await reader.readexactly(int(length[1]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


class Client:
    """One connection that stays, as an agent's does."""

    def __init__(self, port, token=None):
        self.port, self.token, self.reader, self.writer = port, token, None, None

    async def ask(self, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(data)}\r\n"
        head += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        for fresh in (self.writer is None, True):
            try:
                if fresh:
                    self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
                self.writer.write(head.encode() + b"\r\n" + data)
                await self.writer.drain()
                return await self.answer()
            except (asyncio.IncompleteReadError, ConnectionError):
                # one that the other side had closed meanwhile; a fresh one that fails is an error
                self.writer = None
                if fresh:
                    raise

    async def answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        code = int(head.split(" ", 2)[1])
        if "transfer-encoding: chunked" in head:
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readline()
            await self.reader.readline()
        else:
            length = re.search(r"content-length: (\d+)", head)
            body = await self.reader.readexactly(int(length[1])) if length else b""
        if "connection: close" in head:
            self.writer.close()
            self.writer = None
        return code, body


# what an agent asks, how often of a hundred, and the answers that are in order
MIX = [
    (50, "a read", "POST", "/stripe/get_balance", lambda: {}, {200}),
    (12, "a list", "POST", "/stripe/list_charges", lambda: {"limit": 3}, {200}),
    (8, "a wrong argument", "POST", "/stripe/list_charges", lambda: {"limit": "three"}, {400}),
    (8, "what waits", "POST", "/stripe/create_refund", lambda: {"charge": f"ch_{random.randrange(10**9)}"}, {202, 403}),
    (8, "what is denied", "POST", "/stripe/delete_customer", lambda: {"customer": "cus_1"}, {403}),
    (6, "a search", "POST", "/agentport/find_tools", lambda: {"query": "refund a charge"}, {200}),
    (4, "no such tool", "POST", "/stripe/print_money", lambda: {}, {404}),
    (4, "the tools", "GET", "/tools?shown=true", None, {200}),
]


async def agent(port, token, until, pause, told):
    client, kinds = Client(port, token), [kind for kind in MIX for _ in range(kind[0])]
    await asyncio.sleep(random.random() * pause)
    while time.monotonic() < until:
        _, name, method, path, body, right = random.choice(kinds)
        began = time.monotonic()
        try:
            code, answer = await asyncio.wait_for(client.ask(method, path, body() if body else None), 60)
        except Exception as error:  # whatever it is, it is what this looks for
            code, answer, client = type(error).__name__, b"", Client(port, token)
        told["took"][name].append(time.monotonic() - began)
        told["codes"][name, code] += 1
        if code not in right:
            told["bad"].append((name, code, answer[:200]))
        await asyncio.sleep(pause)


async def beside(port, until, told):
    """The same read without the gateway, in the same minutes."""
    client = Client(port)
    while time.monotonic() < until:
        began = time.monotonic()
        await client.ask("GET", "/v1/balance")
        told["bare"].append(time.monotonic() - began)
        await asyncio.sleep(0.05)


async def watch(pid, until, told):
    began = time.monotonic()
    while time.monotonic() < until:
        status = open(f"/proc/{pid}/status").read()
        rss = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
        told["rss"].append(rss)
        if len(told["rss"]) % 60 == 1:
            files = len(os.listdir(f"/proc/{pid}/fd"))
            print(f"after {time.monotonic() - began:4.0f} s: {rss / 1024:6.1f} MB resident, {files} open files, "
                  f"{sum(told['codes'].values())} answers, {len(told['bad'])} bad", flush=True)
        await asyncio.sleep(1)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


async def load(options, port, upstream, tokens, pid):
    told = {"took": collections.defaultdict(list), "codes": collections.Counter(), "bad": [], "bare": [], "rss": []}
    until = time.monotonic() + options.minutes * 60
    agents = [agent(port, token, until, options.pause, told) for token in tokens]
    await asyncio.gather(watch(pid, until, told), beside(upstream, until, told), *agents)
    for (name, code), count in sorted(told["codes"].items(), key=str):
        took = told["took"][name]
        print(f"{name:18} {code}: {count:7}   p50 {percentile(took, 0.5):7.1f} ms  p99 {percentile(took, 0.99):7.1f} ms")
    read, bare, rss = told["took"]["a read"], told["bare"], told["rss"]
    print(f"a read, added by the gateway: p50 {percentile(read, 0.5) - percentile(bare, 0.5):.1f} ms, "
          f"p99 {percentile(read, 0.99) - percentile(bare, 0.99):.1f} ms (bare: {percentile(bare, 0.5):.1f} and {percentile(bare, 0.99):.1f})")
    tenth = max(1, len(rss) // 10)
    print(f"memory: {max(rss[:tenth]) / 1024:.1f} MB at most in the first tenth, {max(rss[-tenth:]) / 1024:.1f} MB in the last")
    print(f"{sum(told['codes'].values())} answers, {len(told['bad'])} that are not the policy's", *told["bad"][:5], sep="\n")
    return 1 if told["bad"] else 0


def code(seed):
    digest = hmac.digest(base64.b32decode(seed + "=" * (-len(seed) % 8)), int(time.time() // 30).to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 10**6:06}"


def enrol(program, env):
    """An owner who could say yes, so that what waits is waited for."""
    add = [program, "factor", "add", "totp", "--json"]
    with subprocess.Popen(add, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        seed = re.search("secret=([A-Z2-7]+)", json.loads(child.stdout.readline())["otpauth_uri"])[1]
        child.stdin.write(code(seed) + "\n")
        child.stdin.flush()
        child.stdout.read()


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--pause", type=float, default=0.2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        env = {"AGENTPORT_HOME": f"{folder}/home", "AGENTPORT_KEY_FILE": f"{folder}/key", "PATH": "/usr/bin:/bin"}

        def run(*arguments, text=""):
            done = subprocess.run([options.program, *arguments, "--json"], env=env, input=text, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{arguments}: {done.stdout}{done.stderr}")
            return json.loads(done.stdout)

        upstream, port = free(), free()
        stand = multiprocessing.Process(target=lambda: asyncio.run(standin(upstream)), daemon=True)
        stand.start()
        run("init", "--store", "vault")
        settings = f"{folder}/home/agentport.toml"
        text = open(settings).read().replace(":4747", f":{port}")
        open(settings, "w").write(text)
        run("policy", "set", "stripe.delete_customer", "deny")
        run("connect", "stripe", "--origin", f"http://127.0.0.1:{upstream}", "--allow-private", "--secret-stdin", text=KEY + "\n")
        tokens = [run("agents", "add", f"agent-{number}")["token"] for number in range(options.agents)]
        enrol(options.program, env)
        log = open(f"{folder}/log", "w")
        gateway = subprocess.Popen([options.program, "serve"], env=env, stdout=subprocess.DEVNULL, stderr=log)
        try:
            for _ in range(600):
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            bad = asyncio.run(load(options, port, upstream, tokens, gateway.pid))
        finally:
            gateway.terminate()
            ended = gateway.wait(60)
            stand.terminate()
        verified = run("log", "verify")
        print(f"SIGTERM: ended with {ended}; the log has {verified['records']} records and is in order: {verified['ok']}")
        sys.exit(bad or ended)


main()
