"""Answers as vendors describe them in TypeScript, for `previews.py`: enough of the language to follow a field's path through
interfaces, unions, lists and maps of a generated `.d.ts`. What is declared nowhere has no field, and what a vendor leaves
open (`any`, a function) has every one."""
import os
import re

TOKEN = re.compile(r"""\s+|//[^\n]*|/\*.*?\*/|(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`)"""
                   r"""|(?P<name>[A-Za-z_$][\w$]*)|(?P<number>-?\d[\w.]*)|(?P<sign>=>|\.\.\.|[^\sA-Za-z_$\d])""", re.S)
PRIMITIVE = {"string", "number", "boolean", "null", "undefined", "true", "false", "never", "void", "Decimal", "bigint"}
# nothing is said of what is in it
OPEN = {"unknown", "any", "object", "Metadata"}


class Declarations:
    """All interfaces and types of some files, by their names, dots between namespaces."""

    def __init__(self, files):
        self.types = {}
        for file in files:
            with open(file) as opened:
                self.tokens = [found.group() for found in TOKEN.finditer(opened.read()) if found.lastgroup]
            self.at = 0
            self.block([])

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, expected=None):
        token = self.peek()
        if expected is not None and token != expected:
            raise ValueError(f"{token!r} where {expected!r} was expected, near {self.tokens[self.at - 8:self.at + 4]}")
        self.at += 1
        return token

    def block(self, names):
        """Declarations up to the end of a namespace or the file."""
        while self.peek() not in ("}", ""):
            word = self.take()
            if word in ("export", "declare"):
                continue
            if word == "namespace" and re.match(r"[\w$]", self.peek()):
                name = self.take()
                self.take("{")
                self.block(names + [name])
                self.take("}")
            elif word == "interface":
                name = self.take()
                self.arguments_of_name()
                bases = []
                while self.peek() != "{":
                    self.take()
                    if self.peek() not in ("{", ","):
                        bases.append(self.union())
                begun = self.at
                try:
                    self.declare(names + [name], ("and", bases + [self.members()]))
                except ValueError:
                    self.at = begun
                    self.bracket()
                    self.declare(names + [name], ("open",))
            elif word == "type" and self.peek(1) in ("=", "<"):
                name = self.take()
                self.arguments_of_name()
                self.take("=")
                begun = self.at
                try:
                    found = self.union()
                    self.take(";")
                except ValueError:
                    self.at = begun
                    found = ("open",)
                    self.rest(ends=(";",))
                self.declare(names + [name], found)
            else:
                self.at -= 1
                self.rest(ends=(";", "}"))

    def declare(self, names, what):
        self.types.setdefault(".".join(names), (names[:-1], what))

    def arguments_of_name(self):
        if self.peek() == "<":
            self.bracket()

    def bracket(self):
        """What stands in a pair of brackets."""
        opening = self.take()
        closing = {"{": "}", "(": ")", "[": "]", "<": ">"}[opening]
        depth = 1
        while depth and self.peek():
            token = self.take()
            depth += (token == opening) - (token == closing)

    def rest(self, ends):
        """A statement that says nothing about types, up to its `;`, or to the `}` of its body."""
        depth = 0
        while self.peek():
            token = self.take()
            depth += (token in "{([") - (token in "})]")
            if depth == 0 and token in ends:
                return

    def members(self):
        self.take("{")
        fields, rest = {}, None
        while self.peek() != "}":
            if self.peek() in (";", ","):
                self.take()
                continue
            if self.peek() == "readonly" and self.peek(1) not in (":", "?"):
                self.take()
            if self.peek() == "[":
                self.bracket()
                self.take(":")
                rest = self.union()
                continue
            name = self.take().strip("'\"")
            if self.peek() == "?":
                self.take()
            while self.peek() in ("(", "<"):
                self.bracket()
            self.take(":")
            fields[name] = self.union()
        self.take("}")
        return ("fields", fields, rest)

    def union(self):
        return self.several("|", lambda: self.several("&", self.one, "and"), "or")

    def several(self, sign, part, word):
        if self.peek() == sign:
            self.take()
        parts = [part()]
        while self.peek() == sign:
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else (word, parts)

    def one(self):
        token = self.peek()
        if token == "{":
            found = self.members()
        elif token == "(":
            self.take()
            found = self.union()
            self.take(")")
        elif token == "[":
            self.bracket()
            found = ("open",)
        elif token[0] in "'\"`" or token[0].isdigit() or token[0] == "-":
            self.take()
            found = ("plain",)
        else:
            name = [self.take()]
            while self.peek() == ".":
                self.take()
                name.append(self.take())
            given = []
            if self.peek() == "<":
                self.take()
                given.append(self.union())
                while self.peek() == ",":
                    self.take()
                    given.append(self.union())
                self.take(">")
            found = ("name", ".".join(name), given)
        while self.peek() == "[" and self.peek(1) == "]":
            self.at += 2
            found = ("name", "Array", [found])
        return found

    def named(self, name, scope):
        for size in range(len(scope), -1, -1):
            full = ".".join(scope[:size] + [name])
            if full in self.types:
                return self.types[full]
        return None

    def has(self, found, parts, scope=()):
        """Is there such a field? Of a union, in one of its members."""
        scope = list(scope)
        if not parts:
            return True
        kind = found[0]
        if kind == "or" or kind == "and":
            return any(self.has(one, parts, scope) for one in found[1])
        if kind == "fields":
            inner = found[1].get(parts[0], found[2])
            return inner is not None and self.has(inner, parts[1:], scope)
        if kind == "plain":
            return False
        if kind == "open":
            return True
        _, name, given = found
        if name in ("Array", "ReadonlyArray"):
            return self.has(given[0], parts[1:] if parts[0].isdigit() else parts, scope)
        if name in ("ApiList", "ApiListPromise", "ApiSearchResultPromise"):
            plain = {key: ("plain",) for key in ("has_more", "url", "object", "next_page")}
            page = {"data": ("name", "Array", given), **plain}
            return self.has(("fields", page, None), parts, scope)
        if name in ("Record", "Partial", "Response", "Promise"):
            inner = given[-1]
            return self.has(inner, parts[1:] if name == "Record" else parts, scope)
        if name in PRIMITIVE:
            return False
        if name in OPEN:
            return name != "unknown"
        declared = self.named(name, scope)
        if declared is None:
            return False
        return self.has(declared[1], parts, declared[0] + [name.split(".")[-1]])


def same(path):
    return re.sub(r"\$?\{[^}]*\}", "{}", path)


class Stripe:
    """The SDK: which method makes a request stands in its JavaScript, what that answers in its types."""

    def __init__(self, modules):
        folder = os.path.join(modules, "stripe", "esm", "resources")
        files = sorted(name for name in os.listdir(folder) if name.endswith(".js"))
        self.answers = {}
        for file in files:
            with open(os.path.join(folder, file)) as opened:
                code = opened.read()
            with open(os.path.join(folder, file[:-3] + ".d.ts")) as opened:
                types = opened.read()
            for method, verb, path in re.findall(r"^    (\w+)\([^)]*\) \{\s*return this\._makeRequest\('(\w+)', ['`]([^'`]*)['`]", code, re.M):
                answer = re.search(rf"^    {method}\(.*\): (.*);$", types, re.M)
                if answer:
                    self.answers.setdefault((verb, same(path)), answer.group(1))
        self.declared = Declarations(os.path.join(folder, file[:-3] + ".d.ts") for file in files)

    def answer(self, request):
        verb, path = request.split(" ", 1)
        text = self.answers.get((verb, same(path)))
        if text is None:
            return None
        self.declared.tokens = [found.group() for found in TOKEN.finditer(text) if found.lastgroup]
        self.declared.at = 0
        return self.declared.union()

    def has(self, answer, parts):
        return self.declared.has(answer, parts)


class PostHog:
    """Its toolkit: the types of its API, and the answers of each path."""

    def __init__(self, modules):
        folder = os.path.join(modules, "@posthog", "agent-toolkit", "dist")
        file = next(name for name in sorted(os.listdir(folder)) if re.fullmatch(r"types-\w+\.d\.ts", name))
        self.declared = Declarations([os.path.join(folder, file)])
        self.answers = {}
        with open(os.path.join(folder, file)) as opened:
            text = opened.read()
        for verb, path, answer in re.findall(r"method: '(\w+)';\s*path: '([^']*)';.*?responses: \{\s*20\d: ([^;]*);", text, re.S):
            self.answers.setdefault((verb, same(path)), answer)

    answer, has = Stripe.answer, Stripe.has
